# What the cloud would return, for all tests of this folder.
mock_resource "google_cloud_run_v2_service" {
  override_during = plan
  defaults = {
    uri                   = "https://service.example.test"
    latest_ready_revision = "projects/p/locations/us-central1/services/s/revisions/doubleit-00002-new"
    traffic_statuses      = []
  }
}
mock_resource "google_monitoring_notification_channel" {
  override_during = plan
  defaults        = { name = "projects/p/notificationChannels/1" }
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
