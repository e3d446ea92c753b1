# Production for other programs: only the page and two IAM members may call the API.
environment         = "prod"
backend_public      = false
backend_invokers    = ["serviceAccount:orders@my-project.iam.gserviceaccount.com", "group:data-team@example.com"]
frontend_access     = "public"
deletion_protection = true
alert_email         = "oncall@example.com"

backend  = { cpu = "2", memory = "2Gi", min_instances = 1, max_instances = 10 }
frontend = { min_instances = 1, max_instances = 5 }
