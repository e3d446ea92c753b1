# examples/canary.tfvars
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


run "canary" {
  command = plan

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [90, 10] && [for t in module.frontend.service.traffic : t.percent] == [100]
    error_message = "not a tenth, or of the page too"
  }
}
