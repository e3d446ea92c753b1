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
    condition = alltrue([for label, service in { API = "doubleit-backend-${var.environment}", page = "doubleit-frontend-${var.environment}" } :
      strcontains(google_monitoring_alert_policy.start[label].conditions[0].condition_matched_log[0].filter, service) && google_monitoring_slo.availability[label].goal == 0.995 && strcontains(google_monitoring_slo.availability[label].request_based_sli[0].good_total_ratio[0].bad_service_filter, service)
    ])
    error_message = "an alert on starts or an objective is for another service"
  }
  assert {
    condition     = { for key in ["page memory", "page cpu", "API latency"] : key => regex("googleapis.com/([a-z_/]+)", google_monitoring_alert_policy.metric[key].conditions[0].condition_threshold[0].filter)[0] } == { "page memory" = "container/memory/utilizations", "page cpu" = "container/cpu/utilizations", "API latency" = "request_latencies" }
    error_message = "an alert watches another metric"
  }
  assert {
    condition     = [for window in ["hour", "day"] : google_monitoring_alert_policy.metric["page errors, last ${window}"].conditions[0].condition_threshold[0].threshold_value] == [10, 2] && google_monitoring_alert_policy.metric["page errors, last day"].conditions[0].display_name == "More than 1 % of the last day's responses are 5xx"
    error_message = "the alerts on errors open at other shares"
  }
  assert {
    condition     = alltrue([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : t.xPos + t.width <= 48]) && length(distinct([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : [t.xPos, t.yPos]])) == 13
    error_message = "tiles overlap, or one is missing"
  }
  assert {
    condition     = length(google_monitoring_notification_channel.email) == 0 && !strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference")
    error_message = "there is a channel without an address, or a chart of metrics that are not collected"
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
    condition     = google_monitoring_notification_channel.email[0].labels.email_address == "oncall@example.com" && alltrue([for p in concat(values(google_monitoring_alert_policy.metric), values(google_monitoring_alert_policy.start)) : p.notification_channels == tolist(["projects/p/notificationChannels/1"])])
    error_message = "mail goes to another address, or an alert has no channel"
  }
}
