# Made by iac/shared: a plan fails here, by name, where that was not applied for this environment.
data "google_service_account" "backend" {
  account_id = "doubleit-backend-${var.environment}"
}

data "google_service_account" "frontend" {
  account_id = "doubleit-frontend-${var.environment}"
}
