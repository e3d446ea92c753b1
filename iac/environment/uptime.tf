# Requests from outside, as clients send them. The API's check calls the readiness endpoint, so it
# passes only when the model responds.
locals {
  uptime_checks = {
    for label, check in {
      API  = { url = module.backend.deployment.url, path = local.readiness_path, private = !var.backend_public }
      page = { url = module.frontend.deployment.url, path = "/_stcore/health", private = false }
    } : label => check
    # Behind a sign-in, a check would always pass because it gets Google's sign-in page. The alerts
    # on errors and failed starts still watch the page.
    if label == "API" || !local.iap
  }
}

resource "google_monitoring_uptime_check_config" "this" {
  for_each = local.uptime_checks

  display_name = "DoubleIt ${var.environment} ${each.key}"
  period       = "${var.uptime_period_seconds}s"
  # Long enough for a cold start.
  timeout = "30s"

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project_id
      host       = trimprefix(each.value.url, "https://")
    }
  }

  http_check {
    path         = each.value.path
    port         = 443
    use_ssl      = true
    validate_ssl = true

    # For a private service, the check authenticates as Cloud Monitoring's service agent. Its
    # project role lets it invoke services, so it needs no grant on the service.
    dynamic "service_agent_authentication" {
      for_each = each.value.private ? [true] : []
      content {
        type = "OIDC_TOKEN"
      }
    }
  }
}
