# An environment for experiments: everybody may call the API and open the page, and it costs nothing
# while nobody uses it.
project_id     = "my-project"
backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

environment         = "dev"
backend_public      = true
frontend_access     = "public"
deletion_protection = false

backend  = { min_instances = 0, max_instances = 2 }
frontend = { min_instances = 0, max_instances = 2 }
