terraform {
  # The first version whose tests can set a mocked resource's values at plan time.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }

  # scripts/deploy sets the bucket and prefix with -backend-config, so the code names no project.
  backend "gcs" {}
}
