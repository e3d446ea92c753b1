# A new version of the API gets 10 % of the requests; the previous revision gets the rest.
environment         = "prod"
backend_public      = false
frontend_access     = "public"
deletion_protection = true

backend_stable_revision = "doubleit-backend-prod-00012-abc"
backend_canary_percent  = 10
