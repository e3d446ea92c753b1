provider "google" {
  project = var.project_id
  region  = var.region

  default_labels = {
    app        = "doubleit"
    managed-by = "terraform"
  }
}

# The API of budgets needs to know whose quota a person's request counts against.
provider "google" {
  alias                 = "billing"
  billing_project       = var.project_id
  user_project_override = true
}
