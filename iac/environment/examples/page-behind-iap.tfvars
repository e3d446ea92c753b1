# Production for people: the page requires a Google account.
environment         = "prod"
backend_public      = false
frontend_access     = "iap"
iap_members         = ["group:team@example.com", "domain:example.com"]
deletion_protection = true

backend  = { min_instances = 1 }
frontend = { min_instances = 1 }
