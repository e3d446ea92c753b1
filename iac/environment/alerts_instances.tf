# Alerts on instances that are close to their limits or fail to start.
locals {
  limits = {
    for pair in setproduct(keys(local.services), ["memory", "cpu"]) :
    "${pair[0]} ${pair[1]}" => { label = pair[0], resource = pair[1] }
  }
  limit_thresholds = {
    memory = var.alert_thresholds.memory_share
    cpu    = var.alert_thresholds.cpu_share
  }
}

resource "google_monitoring_alert_policy" "limits" {
  for_each = local.limits

  display_name          = "DoubleIt ${var.environment} ${each.value.label}: ${each.value.resource}"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.notification_channels

  conditions {
    display_name = "An instance uses more than ${local.limit_thresholds[each.value.resource] * 100} % of its ${each.value.resource}"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${local.services[each.value.label]}\" AND metric.type = \"run.googleapis.com/container/${each.value.resource}/utilizations\""
      comparison      = "COMPARISON_GT"
      threshold_value = local.limit_thresholds[each.value.resource]
      # An instance uses all of its CPU for some seconds while it starts, which must not alert.
      duration = "600s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_PERCENTILE_99"
        cross_series_reducer = "REDUCE_MAX"
      }
      evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"
    }
  }

  documentation {
    subject = "DoubleIt ${var.environment}: the ${each.value.label} runs out of ${each.value.resource}"
    content = "Raise ${each.value.resource}, or lower concurrency so that an instance does less at a time. Memory that grows without more requests is a leak: compare the revisions."
  }
}

resource "google_monitoring_alert_policy" "start" {
  for_each = local.services

  display_name          = "DoubleIt ${var.environment} ${each.key}: an instance fails"
  combiner              = "OR"
  severity              = local.alert_severity
  notification_channels = local.notification_channels

  conditions {
    display_name = "A start failed, or an instance had to be ended"
    condition_matched_log {
      filter = <<-EOT
        resource.type = "cloud_run_revision"
        resource.labels.service_name = "${each.value}"
        (
          (log_id("run.googleapis.com/varlog/system") AND textPayload =~ "(STARTUP|LIVENESS) .*probe failed|failed to start|[Mm]emory limit of .* exceeded")
          OR (log_id("cloudaudit.googleapis.com/system_event") AND severity >= ERROR)
        )
      EOT
    }
  }

  alert_strategy {
    # Required for conditions on logs. A crash loop notifies once every five minutes.
    notification_rate_limit {
      period = "300s"
    }
    auto_close = "1800s"
  }

  documentation {
    subject = "DoubleIt ${var.environment}: the ${each.key} does not come up"
    content = "Read the revision's log before the match. A revision that never starts gets no traffic: the previous one still serves, and the next deployment must fix it."
  }
}
