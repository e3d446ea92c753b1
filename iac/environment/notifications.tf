resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  display_name = "DoubleIt ${var.environment}"
  type         = "email"
  labels = {
    email_address = var.alert_email
  }
}

locals {
  notification_channels = google_monitoring_notification_channel.email[*].name
  alert_severity        = var.environment == "prod" ? "CRITICAL" : "WARNING"

  # The services that the alerts watch, by label.
  services = {
    API  = module.backend.deployment.name
    page = module.frontend.deployment.name
  }
}
