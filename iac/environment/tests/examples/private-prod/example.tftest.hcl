# examples/private-prod.tfvars
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "private_prod" {
  command = plan

  assert {
    condition     = toset(output.backend_invokers) == toset(["serviceAccount:frontend@sa", "serviceAccount:orders@my-project.iam.gserviceaccount.com", "group:data-team@example.com"])
    error_message = "others may call the API"
  }

  assert {
    condition     = module.backend.service.deletion_protection && google_monitoring_notification_channel.email[0].labels.email_address == "oncall@example.com"
    error_message = "it can be deleted, or alerts are not sent"
  }
}
