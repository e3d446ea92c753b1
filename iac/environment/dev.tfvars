environment = "dev"

# Public, and free of charge while nobody uses it.
backend_public      = true
frontend_access     = "public"
deletion_protection = false

backend = {
  min_instances = 0
  max_instances = 2
}
frontend = {
  min_instances = 0
  max_instances = 2
}

uptime_period_seconds = 900
