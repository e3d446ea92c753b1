# Alerts on what clients notice (errors, latency, reachability) and on instances that are close to
# their limits or fail to start.
locals {
  metric = {
    for label, service in local.services : label =>
    "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${service}\" AND metric.type = \"run.googleapis.com"
  }
  # How many times faster than the objective allows the errors of an hour and of a day may use up
  # the budget.
  burn_rates = {
    hour = { window = "3600s", limit = tonumber(format("%.6g", var.alert_thresholds.error_share / (1 - var.availability_goal))) }
    day  = { window = "86400s", limit = 2 }
  }

  alerts = merge(
    {
      for pair in setproduct(keys(local.services), keys(local.burn_rates)) : "${pair[0]} errors, last ${pair[1]}" => {
        condition = "More than ${format("%.4g", local.burn_rates[pair[1]].limit * (1 - var.availability_goal) * 100)} % of the last ${pair[1]}'s responses are 5xx"
        filter    = "select_slo_burn_rate(\"${google_monitoring_slo.availability[pair[0]].name}\", \"${local.burn_rates[pair[1]].window}\")"
        threshold = local.burn_rates[pair[1]].limit
        duration  = "60s"
        subject   = "the ${pair[0]} responds with errors"
        content   = "Compare the revisions on the dashboard. If the newest one is at fault, roll back: name the one before as stable revision. 503 alone means that the instances are full: raise max_instances."
      }
    },
    {
      # Not for the page: its requests are websockets, which last as long as the page is open.
      "API latency" = {
        condition = "95th percentile above ${var.alert_thresholds.latency_p95_ms} ms"
        filter    = "${local.metric.API}/request_latencies\""
        threshold = var.alert_thresholds.latency_p95_ms
        duration  = "300s"
        series    = { alignment_period = "60s", per_series_aligner = "ALIGN_DELTA", cross_series_reducer = "REDUCE_PERCENTILE_95" }
        missing   = "EVALUATION_MISSING_DATA_INACTIVE"
        subject   = "the API is slow"
        content   = "See whether instances start (cold starts: raise min_instances), whether their CPU is used up (raise cpu, or lower concurrency so that more of them start), or whether one revision is slower than the one before (roll back)."
      }
    },
    {
      for pair in setproduct(keys(local.services), ["memory", "cpu"]) : "${pair[0]} ${pair[1]}" => {
        condition = "An instance uses more than ${var.alert_thresholds["${pair[1]}_share"] * 100} % of its ${pair[1]}"
        filter    = "${local.metric[pair[0]]}/container/${pair[1]}/utilizations\""
        threshold = var.alert_thresholds["${pair[1]}_share"]
        # An instance uses all of its CPU for some seconds while it starts, which must not alert.
        duration = "600s"
        series   = { alignment_period = "60s", per_series_aligner = "ALIGN_PERCENTILE_99", cross_series_reducer = "REDUCE_MAX" }
        missing  = "EVALUATION_MISSING_DATA_INACTIVE"
        severity = "WARNING"
        subject  = "the ${pair[0]} runs out of ${pair[1]}"
        content  = "Raise ${pair[1]}, or lower concurrency so that an instance does less at a time. Memory that grows without more requests is a leak: compare the revisions."
      }
    },
    {
      for label, check in google_monitoring_uptime_check_config.this : "${label} unreachable" => {
        condition = "More than one region gets no good response"
        filter    = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${check.uptime_check_id}\""
        threshold = 1
        duration  = "60s"
        # Long enough to contain a result from each region.
        series  = { alignment_period = "1200s", per_series_aligner = "ALIGN_NEXT_OLDER", cross_series_reducer = "REDUCE_COUNT_FALSE", group_by_fields = ["resource.label.project_id", "resource.label.host"] }
        subject = "the ${label} cannot be reached"
        content = "Try it yourself: make smoke URL=… If it responds to you, check who may invoke it; if not, read the revision's log."
      }
    },
  )
}

resource "google_monitoring_alert_policy" "metric" {
  for_each = local.alerts

  display_name          = "DoubleIt ${var.environment} ${each.key}"
  combiner              = "OR"
  severity              = try(each.value.severity, local.alert_severity)
  notification_channels = local.notification_channels

  conditions {
    display_name = each.value.condition
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = each.value.duration
      # No requests is not an error.
      evaluation_missing_data = try(each.value.missing, null)

      dynamic "aggregations" {
        for_each = try([each.value.series], [])
        content {
          alignment_period     = aggregations.value.alignment_period
          per_series_aligner   = aggregations.value.per_series_aligner
          cross_series_reducer = aggregations.value.cross_series_reducer
          group_by_fields      = try(aggregations.value.group_by_fields, null)
        }
      }
    }
  }

  documentation {
    subject = "DoubleIt ${var.environment}: ${each.value.subject}"
    content = each.value.content
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
