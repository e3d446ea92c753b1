# The project's number is part of the names of Google's service agents.
data "google_project" "this" {
  project_id = var.project_id
}
