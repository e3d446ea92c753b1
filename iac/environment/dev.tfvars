environment = "dev"

# Open to everybody; it costs nothing while it is not used.
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
