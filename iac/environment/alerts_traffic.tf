# Alerts on what clients notice: errors and slow responses.
resource "google_monitoring_alert_policy" "errors" {
  for_each = local.services

  display_name          = "DoubleIt ${var.environment} ${each.key}: share of 5xx"
  combiner              = "OR"
  severity              = local.alert_severity
  notification_channels = local.notification_channels

  conditions {
    display_name = "More than ${var.alert_thresholds.error_share * 100} % of answers are 5xx"
    condition_threshold {
      filter             = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${each.value}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      denominator_filter = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${each.value}\" AND metric.type = \"run.googleapis.com/request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.alert_thresholds.error_share
      duration           = "300s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
      denominator_aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
      # No requests is not an error.
      evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"
    }
  }

  documentation {
    subject = "DoubleIt ${var.environment}: the ${each.key} answers with errors"
    content = "Compare the revisions on the dashboard. If the newest one is at fault, roll back: name the one before as stable revision. 503 alone means that the instances are full: raise max_instances."
  }
}

# Only for the API: the page's requests are websockets, which last as long as the page is open.
resource "google_monitoring_alert_policy" "latency" {
  display_name          = "DoubleIt ${var.environment} API: latency"
  combiner              = "OR"
  severity              = local.alert_severity
  notification_channels = local.notification_channels

  conditions {
    display_name = "95th percentile above ${var.alert_thresholds.latency_p95_ms} ms"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${module.backend.name}\" AND metric.type = \"run.googleapis.com/request_latencies\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.alert_thresholds.latency_p95_ms
      duration        = "300s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_95"
      }
      evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"
    }
  }

  documentation {
    subject = "DoubleIt ${var.environment}: the API is slow"
    content = "See whether instances start (cold starts: raise min_instances), whether their CPU is used up (raise cpu, or lower concurrency so that more of them start), or whether one revision is slower than the one before (roll back)."
  }
}
