# examples/private-prod.tfvars
mock_provider "google" {
  override_during = plan
  mock_resource "google_cloud_run_v2_service" {
    defaults = {
      uri                   = "https://service.example.test"
      latest_ready_revision = "projects/p/locations/us-central1/services/s/revisions/doubleit-00002-new"
      traffic_statuses      = []
    }
  }
  mock_resource "google_monitoring_notification_channel" {
    defaults = { name = "projects/p/notificationChannels/1" }
  }
}
override_data {
  target          = data.google_service_account.backend
  override_during = plan
  values          = { email = "backend@sa", member = "serviceAccount:backend@sa" }
}
override_data {
  target          = data.google_service_account.frontend
  override_during = plan
  values          = { email = "frontend@sa", member = "serviceAccount:frontend@sa" }
}


run "private_prod" {
  command = plan

  assert {
    condition     = toset(output.backend_invokers) == toset(["serviceAccount:frontend@sa", "serviceAccount:orders@my-project.iam.gserviceaccount.com", "group:data-team@example.com"])
    error_message = "others may call the API"
  }

  assert {
    condition     = module.backend.service.deletion_protection && google_monitoring_notification_channel.email[0].labels.email_address == "oncall@example.com"
    error_message = "it can be deleted, or nobody is told"
  }
}
