# Its number names Google's own agents.
data "google_project" "this" {
  project_id = var.project_id
}
