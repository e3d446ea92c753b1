# Production for people: the page requires a Google account.
project_id     = "my-project"
backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

environment         = "prod"
backend_public      = false
frontend_access     = "iap"
iap_members         = ["group:team@example.com", "domain:example.com"]
deletion_protection = true

backend  = { min_instances = 1 }
frontend = { min_instances = 1 }
