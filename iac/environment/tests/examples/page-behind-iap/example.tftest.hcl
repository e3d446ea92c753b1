# examples/page-behind-iap.tfvars
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

override_data {
  target          = data.google_project.this[0]
  override_during = plan
  values          = { number = "789" }
}

run "page_behind_iap" {
  command = plan

  assert {
    condition     = module.frontend.service.iap_enabled && output.frontend_invokers == tolist(["serviceAccount:service-789@gcp-sa-iap.iam.gserviceaccount.com"])
    error_message = "the page can be reached without the sign-in"
  }

  assert {
    condition     = toset([for grant in google_iap_web_cloud_run_service_iam_member.visitor : grant.member]) == toset(["group:team@example.com", "domain:example.com"])
    error_message = "others may sign in"
  }

  assert {
    condition     = keys(google_monitoring_uptime_check_config.this) == ["API"]
    error_message = "the page has an uptime check, which would get the sign-in page and always pass"
  }
}
