# A new version of the API gets 10 % of the requests; the previous revision gets the rest.
project_id     = "my-project"
backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

environment         = "prod"
backend_public      = false
frontend_access     = "public"
deletion_protection = true

backend_stable_revision = "doubleit-backend-prod-00012-abc"
backend_canary_percent  = 10
