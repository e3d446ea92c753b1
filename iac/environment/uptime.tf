# Requests from outside, as clients send them. The API's check calls the readiness endpoint, so it
# passes only when the model responds.
locals {
  uptime_checks = merge(
    {
      API = {
        host    = trimprefix(module.backend.uri, "https://")
        path    = local.readiness_path
        private = !var.backend_public
      }
    },
    # Behind a sign-in, a check would always pass because it gets Google's sign-in page. The alerts
    # on errors and failed starts still watch the page.
    local.iap ? {} : {
      page = {
        host    = trimprefix(module.frontend.uri, "https://")
        path    = "/_stcore/health"
        private = false
      }
    },
  )
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
      host       = each.value.host
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

resource "google_monitoring_alert_policy" "uptime" {
  for_each = google_monitoring_uptime_check_config.this

  display_name          = "DoubleIt ${var.environment} ${each.key}: unreachable"
  combiner              = "OR"
  severity              = local.alert_severity
  notification_channels = local.notification_channels

  conditions {
    display_name = "More than one region gets no good answer"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${each.value.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "60s"

      aggregations {
        # Long enough to contain a result from each region.
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.project_id", "resource.label.host"]
      }
    }
  }

  documentation {
    subject = "DoubleIt ${var.environment}: the ${each.key} cannot be reached"
    content = "Try it yourself: make smoke URL=… If it answers you, check who may invoke it; if not, read the revision's log."
  }
}
