# Alerts, uptime checks and the dashboard, in both environments.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project_id     = "my-project"
  backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

run "every_alert_is_there_for_every_service" {
  command = plan

  assert {
    condition     = keys(google_monitoring_alert_policy.errors) == ["API", "page"] && keys(google_monitoring_alert_policy.start) == ["API", "page"] && keys(google_monitoring_alert_policy.uptime) == ["API", "page"]
    error_message = "an alert on errors, starts or reachability is missing"
  }

  assert {
    condition     = keys(google_monitoring_alert_policy.limits) == ["API cpu", "API memory", "page cpu", "page memory"]
    error_message = "an alert on memory or CPU is missing"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.latency.conditions[0].condition_threshold[0].filter, "run.googleapis.com/request_latencies") && google_monitoring_alert_policy.latency.conditions[0].condition_threshold[0].aggregations[0].cross_series_reducer == "REDUCE_PERCENTILE_95"
    error_message = "no alert on the API's 95th percentile"
  }
}

run "each_alert_watches_its_own_service" {
  command = plan

  assert {
    condition     = alltrue([for label, p in google_monitoring_alert_policy.errors : strcontains(p.conditions[0].condition_threshold[0].filter, label == "API" ? "doubleit-backend-${var.environment}" : "doubleit-frontend-${var.environment}")])
    error_message = "an alert watches another service"
  }

  assert {
    condition     = alltrue([for label, p in google_monitoring_alert_policy.start : strcontains(p.conditions[0].condition_matched_log[0].filter, label == "API" ? "doubleit-backend-${var.environment}" : "doubleit-frontend-${var.environment}")])
    error_message = "an alert on starts watches another service"
  }

  assert {
    condition     = alltrue([for label, p in google_monitoring_alert_policy.limits : strcontains(p.conditions[0].condition_threshold[0].filter, "container/${split(" ", label)[1]}/utilizations")])
    error_message = "an alert watches another resource"
  }
}

run "thresholds_are_the_given_ones" {
  command = plan
  variables {
    alert_thresholds = { error_share = 0.01, latency_p95_ms = 250, memory_share = 0.8, cpu_share = 0.7 }
  }

  assert {
    condition     = google_monitoring_alert_policy.errors["API"].conditions[0].condition_threshold[0].threshold_value == 0.01 && google_monitoring_alert_policy.latency.conditions[0].condition_threshold[0].threshold_value == 250
    error_message = "the thresholds are not the given ones"
  }

  assert {
    condition     = google_monitoring_alert_policy.limits["API memory"].conditions[0].condition_threshold[0].threshold_value == 0.8 && google_monitoring_alert_policy.limits["API cpu"].conditions[0].condition_threshold[0].threshold_value == 0.7
    error_message = "the thresholds of memory and CPU are not the given ones"
  }
}

run "no_mail_is_sent_by_default" {
  command = plan

  assert {
    condition     = length(google_monitoring_notification_channel.email) == 0
    error_message = "there is a channel without an address"
  }
}

run "every_alert_goes_to_the_given_address" {
  command = plan
  variables {
    alert_email = "oncall@example.com"
  }

  assert {
    condition     = google_monitoring_notification_channel.email[0].labels.email_address == "oncall@example.com"
    error_message = "mail goes to another address"
  }

  assert {
    condition     = alltrue([for p in concat([google_monitoring_alert_policy.latency], values(google_monitoring_alert_policy.errors), values(google_monitoring_alert_policy.limits), values(google_monitoring_alert_policy.start), values(google_monitoring_alert_policy.uptime)) : p.notification_channels == tolist(["projects/p/notificationChannels/1"])])
    error_message = "an alert has no channel"
  }
}

run "the_dashboard_fits_its_grid" {
  command = plan

  assert {
    condition     = alltrue([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : t.xPos + t.width <= 48]) && length(distinct([for t in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : [t.xPos, t.yPos]])) == 13
    error_message = "tiles overlap, or one is missing"
  }

  assert {
    condition     = !strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference")
    error_message = "there are charts of metrics that are not collected"
  }
}
