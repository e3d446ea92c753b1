# The share of requests that must not fail in 28 days. Alerts tell how fast errors use it up.
resource "google_monitoring_custom_service" "this" {
  for_each = local.services

  service_id   = each.value
  display_name = "DoubleIt ${var.environment} ${each.key}"
}

resource "google_monitoring_slo" "availability" {
  for_each = local.services

  service             = google_monitoring_custom_service.this[each.key].service_id
  slo_id              = "availability"
  display_name        = "${var.availability_goal * 100} % of responses are no 5xx"
  goal                = var.availability_goal
  rolling_period_days = 28

  request_based_sli {
    good_total_ratio {
      bad_service_filter   = "${local.metric[each.key]}/request_count\" AND metric.labels.response_code_class = \"5xx\""
      total_service_filter = "${local.metric[each.key]}/request_count\""
    }
  }
}
