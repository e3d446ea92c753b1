# Invalid values are rejected by their variable's validation. Each run gives a size that is refused,
# the first ones also an image, a revision or a percentage.
mock_provider "google" {
  override_during = plan
}

variables {
  name                = "svc"
  project_id          = "my-project"
  region              = "us-central1"
  image               = "us-central1-docker.pkg.dev/p/r/i@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  service_account     = "svc@my-project.iam.gserviceaccount.com"
  startup_path        = "/ready"
  liveness_path       = "/ping"
  deletion_protection = true
}

run "less_than_one_cpu" {
  command = plan
  variables {
    size            = { cpu = "0.5", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    image           = "us-central1-docker.pkg.dev/p/r/i:latest"
    canary_percent  = 101
    stable_revision = "svc-1"
  }
  expect_failures = [var.size, var.image, var.canary_percent]
}

run "less_memory_than_the_second_generation_takes" {
  command = plan
  variables {
    size            = { cpu = "1", memory = "256Mi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    image           = "us-central1-docker.pkg.dev/p/r/i"
    canary_percent  = -1
    stable_revision = "svc-1"
  }
  expect_failures = [var.size, var.image, var.canary_percent]
}

run "memory_without_a_unit" {
  command = plan
  variables {
    size            = { cpu = "1", memory = "1024", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    image           = "registry.example/p/i@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
    canary_percent  = 0.5
    stable_revision = "svc-1"
  }
  expect_failures = [var.size, var.image, var.canary_percent]
}

run "too_little_memory_for_four_cpus" {
  command = plan
  variables {
    size           = { cpu = "4", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    canary_percent = 10
  }
  expect_failures = [var.size, var.canary_percent]
}

run "too_much_memory_for_one_cpu" {
  command = plan
  variables {
    size            = { cpu = "1", memory = "5Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    stable_revision = "other-00001-old"
  }
  expect_failures = [var.size, var.stable_revision]
}

run "more_requests_than_the_queue_holds" {
  command = plan
  variables {
    size = { cpu = "1", memory = "1Gi", concurrency = 1001, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
  }
  expect_failures = [var.size]
}

run "a_timeout_above_an_hour" {
  command = plan
  variables {
    size = { cpu = "1", memory = "1Gi", concurrency = 256, timeout_seconds = 7200, min_instances = 1, max_instances = 3 }
  }
  expect_failures = [var.size]
}

run "more_warm_instances_than_allowed" {
  command = plan
  variables {
    size = { cpu = "1", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 4, max_instances = 3 }
  }
  expect_failures = [var.size]
}

run "no_instances" {
  command = plan
  variables {
    size = { cpu = "1", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 0, max_instances = 0 }
  }
  expect_failures = [var.size]
}
