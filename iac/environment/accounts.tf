# Created by iac/shared. If iac/shared was not applied for this environment, the plan fails here and
# names the missing account.
data "google_service_account" "backend" {
  account_id = "doubleit-backend-${var.environment}"
}

data "google_service_account" "frontend" {
  account_id = "doubleit-frontend-${var.environment}"
}
