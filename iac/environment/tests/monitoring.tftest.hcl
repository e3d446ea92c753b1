# Alerts, uptime checks and the dashboard, in both environments.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}
override_resource {
  target          = google_monitoring_slo.availability["API"]
  override_during = plan
  values          = { name = "slo-of-the-API" }
}
override_resource {
  target          = google_monitoring_slo.availability["page"]
  override_during = plan
  values          = { name = "slo-of-the-page" }
}

run "the_defaults" {
  command = plan

  assert {
    condition = toset(keys(google_monitoring_alert_policy.metric)) == toset(concat(["API latency"], flatten([
      for label in ["API", "page"] : [for what in ["errors, last hour", "errors, last day", "memory", "cpu", "unreachable"] : "${label} ${what}"]
    ]))) && keys(google_monitoring_alert_policy.start) == ["API", "page"]
    error_message = "an alert is missing"
  }

  assert {
    condition     = alltrue([for key, p in google_monitoring_alert_policy.metric : strcontains(p.conditions[0].condition_threshold[0].filter, "${startswith(key, "API") ? "doubleit-backend" : "doubleit-frontend"}-${var.environment}") if !strcontains(key, "errors") && !endswith(key, "unreachable")])
    error_message = "an alert watches another service"
  }

  assert {
    condition     = [for label in ["API", "page"] : google_monitoring_alert_policy.metric["${label} errors, last day"].conditions[0].condition_threshold[0].filter] == ["select_slo_burn_rate(\"slo-of-the-API\", \"86400s\")", "select_slo_burn_rate(\"slo-of-the-page\", \"86400s\")"]
    error_message = "an alert on errors watches another objective"
  }

  assert {
    condition     = alltrue([for label, p in google_monitoring_alert_policy.start : strcontains(p.conditions[0].condition_matched_log[0].filter, label == "API" ? "doubleit-backend-${var.environment}" : "doubleit-frontend-${var.environment}")])
    error_message = "an alert on starts watches another service"
  }

  assert {
    condition     = alltrue([for label, it in google_monitoring_slo.availability : it.goal == 0.995 && strcontains(it.request_based_sli[0].good_total_ratio[0].bad_service_filter, label == "API" ? "doubleit-backend-${var.environment}" : "doubleit-frontend-${var.environment}")])
    error_message = "the objective is another, or counts another service's errors"
  }

  assert {
    condition     = alltrue([for resource in ["memory", "cpu"] : strcontains(google_monitoring_alert_policy.metric["page ${resource}"].conditions[0].condition_threshold[0].filter, "container/${resource}/utilizations")])
    error_message = "an alert watches another resource"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.metric["API latency"].conditions[0].condition_threshold[0].filter, "run.googleapis.com/request_latencies") && google_monitoring_alert_policy.metric["API latency"].conditions[0].condition_threshold[0].aggregations[0].cross_series_reducer == "REDUCE_PERCENTILE_95"
    error_message = "no alert on the API's 95th percentile"
  }

  assert {
    condition     = [for window in ["hour", "day"] : google_monitoring_alert_policy.metric["page errors, last ${window}"].conditions[0].condition_threshold[0].threshold_value] == [10, 2] && google_monitoring_alert_policy.metric["page errors, last day"].conditions[0].display_name == "More than 1 % of the last day's responses are 5xx"
    error_message = "the alerts on errors open at other shares"
  }

  assert {
    condition     = length(google_monitoring_notification_channel.email) == 0
    error_message = "there is a channel without an address"
  }

  assert {
    condition     = alltrue([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : t.xPos + t.width <= 48]) && length(distinct([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : [t.xPos, t.yPos]])) == 13
    error_message = "tiles overlap, or one is missing"
  }

  assert {
    condition     = !strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference")
    error_message = "there are charts of metrics that are not collected"
  }
}

run "every_option" {
  command = plan
  variables {
    alert_email       = "oncall@example.com"
    alert_thresholds  = { error_share = 0.02, latency_p95_ms = 250, memory_share = 0.8, cpu_share = 0.7 }
    availability_goal = 0.999
  }

  assert {
    condition     = [for key in ["API errors, last hour", "API latency", "API memory", "API cpu"] : format("%.1f", google_monitoring_alert_policy.metric[key].conditions[0].condition_threshold[0].threshold_value)] == ["20.0", "250.0", "0.8", "0.7"]
    error_message = "the thresholds are not the given ones"
  }

  assert {
    condition     = google_monitoring_notification_channel.email[0].labels.email_address == "oncall@example.com"
    error_message = "mail goes to another address"
  }

  assert {
    condition     = alltrue([for p in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.start)) : p.notification_channels == tolist(["projects/p/notificationChannels/1"])])
    error_message = "an alert has no channel"
  }
}
