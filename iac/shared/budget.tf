# Sends the billing account's administrators a mail when the month's costs reach a share of the
# budget. It stops nothing.
resource "google_billing_budget" "this" {
  count    = var.monthly_budget == null ? 0 : 1
  provider = google.billing

  billing_account = data.google_project.this.billing_account
  display_name    = "DoubleIt, ${var.project_id}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }
  amount {
    specified_amount {
      units = var.monthly_budget
    }
  }
  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  depends_on = [google_project_service.this]
}
