# The project and the images of all tests of this folder.
project_id     = "my-project"
backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
