# Production for other programs: only the page and two IAM members may call the API.
project_id     = "my-project"
backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

environment         = "prod"
backend_public      = false
backend_invokers    = ["serviceAccount:orders@my-project.iam.gserviceaccount.com", "group:data-team@example.com"]
frontend_access     = "public"
deletion_protection = true
alert_email         = "oncall@example.com"

backend  = { cpu = "2", memory = "2Gi", min_instances = 1, max_instances = 10 }
frontend = { min_instances = 1, max_instances = 5 }
