environment = "prod"

# Only the page's service account may call the API. To require a sign-in for the page, set
# frontend_access = "iap" and iap_members = ["group:…"].
backend_public      = false
frontend_access     = "public"
deletion_protection = true

# One warm instance of each service, so that requests do not wait for a cold start.
backend = {
  cpu           = "2"
  memory        = "2Gi" # for the two workers of two CPUs
  min_instances = 1
  max_instances = 10
}
frontend = {
  min_instances = 1
  max_instances = 5
}

uptime_period_seconds = 60
