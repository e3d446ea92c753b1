environment = "prod"

# Only the page's account may call the API. For a sign-in before the page:
# frontend_access = "iap" with iap_members = ["group:…"].
backend_public      = false
frontend_access     = "public"
deletion_protection = true

# One warm instance each, so that no request waits for a cold start.
backend = {
  cpu           = "2"
  memory        = "2Gi" # twice dev's CPUs, so twice its workers
  min_instances = 1
  max_instances = 10
}
frontend = {
  min_instances = 1
  max_instances = 5
}

uptime_period_seconds = 60
