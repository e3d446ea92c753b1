terraform {
  # 1.11 is the first whose tests can give a mocked resource's values at plan time.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }

  # The bucket and prefix come from -backend-config: no project's name stands in the code.
  backend "gcs" {}
}
