# examples/public-dev.tfvars
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


run "public_dev" {
  command = plan

  assert {
    condition     = contains(output.backend_invokers, "allUsers") && contains(output.frontend_invokers, "allUsers")
    error_message = "somebody is kept out"
  }

  assert {
    condition     = module.backend.service.scaling[0].min_instance_count == 0 && module.frontend.service.scaling[0].min_instance_count == 0
    error_message = "it costs while nobody uses it"
  }
}
