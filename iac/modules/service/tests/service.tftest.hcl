# The module for one service. The provider is mocked, so no cloud is needed; its schema is real.
mock_provider "google" {
  override_during = plan
  mock_resource "google_cloud_run_v2_service" {
    defaults = {
      uri                   = "https://svc.example.test"
      latest_ready_revision = "projects/p/locations/us-central1/services/svc/revisions/svc-00002-new"
      traffic_statuses = [
        { percent = 100, revision = "svc-00001-old", tag = "", type = "", uri = "" },
        { percent = 0, revision = "", tag = "canary", type = "", uri = "https://canary---svc.example.test" },
      ]
    }
  }
}

variables {
  name                = "svc"
  region              = "us-central1"
  image               = "us-central1-docker.pkg.dev/p/r/i@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  service_account     = "svc@my-project.iam.gserviceaccount.com"
  size                = { cpu = "1", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
  startup_path        = "/ready"
  liveness_path       = "/ping"
  deletion_protection = true
}

run "the_defaults" {
  command = plan

  assert {
    condition = [for t in google_cloud_run_v2_service.this.template : [t.execution_environment, t.service_account, t.timeout, t.containers[0].resources[0].startup_cpu_boost, t.containers[0].resources[0].cpu_idle]] == [
      ["EXECUTION_ENVIRONMENT_GEN2", "svc@my-project.iam.gserviceaccount.com", "60s", true, true]
    ]
    error_message = "the template has other settings"
  }
  assert {
    # Cloud Run rejects a timeout that is not below the period, and a start of more than 240 s.
    condition     = alltrue([for c in google_cloud_run_v2_service.this.template[0].containers : alltrue([for p in concat(c.startup_probe, c.liveness_probe) : p.timeout_seconds < p.period_seconds]) && c.startup_probe[0].failure_threshold * c.startup_probe[0].period_seconds <= 240])
    error_message = "a probe has limits that Cloud Run rejects"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.scaling[0].min_instance_count == 1 && google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == null && google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 3
    error_message = "the limits are not the given ones, or a revision without traffic would keep instances warm"
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.invoker) == 0 && google_cloud_run_v2_service.this.invoker_iam_disabled == false
    error_message = "the service has invokers, or does not check its callers"
  }
  assert {
    condition     = [for t in google_cloud_run_v2_service.this.traffic : [t.type, t.percent]] == [["TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 100]] && output.deployment.serving_revision == "svc-00002-new"
    error_message = "the newest revision does not get all requests"
  }
}

run "a_public_service_is_public_without_grants" {
  command = plan
  variables {
    public   = true
    invokers = { tester = "serviceAccount:deployer@sa" }
  }

  assert {
    condition     = google_cloud_run_v2_service.this.invoker_iam_disabled && length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "callers are checked, or there is a grant without effect"
  }
}

run "canary_at_zero_has_its_own_url_and_no_traffic" {
  command = plan
  variables {
    stable_revision = "svc-00001-old"
  }

  assert {
    condition     = jsonencode([for t in google_cloud_run_v2_service.this.traffic : [t.revision, t.percent, t.tag]]) == jsonencode([["svc-00001-old", 100, null], [null, 0, "canary"]])
    error_message = "the stable revision does not get all requests, or the newest has no tag"
  }
  assert {
    condition     = output.deployment.canary_url == "https://canary---svc.example.test" && output.deployment.serving_revision == "svc-00001-old"
    error_message = "the output has another URL for the canary, or another revision for a rollback"
  }
}

run "canary_at_hundred_leaves_the_stable_revision_without_traffic" {
  command = plan
  variables {
    stable_revision = "svc-00001-old"
    canary_percent  = 100
  }

  assert {
    condition     = [for t in google_cloud_run_v2_service.this.traffic : [t.type, t.percent]] == [["TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 100]] && output.deployment.serving_revision == "svc-00002-new"
    error_message = "the newest revision does not get all requests"
  }
}

run "sidecar_waits_for_the_server_and_has_cpu_between_requests" {
  command = plan
  variables {
    sidecar_image = "gcr.example/sidecar@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  }

  assert {
    condition     = [for c in slice(google_cloud_run_v2_service.this.template[0].containers, 1, 2) : [c.depends_on, length(c.ports), c.volume_mounts[*].mount_path]] == [[tolist(["server"]), 0, tolist(["/etc/rungmp"])]]
    error_message = "the sidecar does not wait for the server, has a port, or has no configuration"
  }
  assert {
    # Cloud Run requires the same value in all containers of an instance.
    condition     = google_cloud_run_v2_service.this.template[0].containers[*].resources[0].cpu_idle == tolist([false, false])
    error_message = "the containers have no CPU between requests, or differ in it"
  }
}

# Invalid values are rejected by their variable's validation. Each run has a size that is refused,
# and another value.
run "less_than_one_cpu_and_a_tag" {
  command = plan
  variables {
    size  = { cpu = "0.5", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    image = "us-central1-docker.pkg.dev/p/r/i:latest"
  }
  expect_failures = [var.size, var.image]
}

run "memory_without_a_unit_and_another_registry" {
  command = plan
  variables {
    size            = { cpu = "1", memory = "1024", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    image           = "registry.example/p/i@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
    stable_revision = "svc-00001-old"
    canary_percent  = 101
  }
  expect_failures = [var.size, var.image, var.canary_percent]
}

run "too_little_memory_for_four_cpus_and_a_canary_alone" {
  command = plan
  variables {
    size           = { cpu = "4", memory = "1Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    canary_percent = 10
  }
  expect_failures = [var.size, var.canary_percent]
}

run "too_much_memory_for_one_cpu_and_another_service_s_revision" {
  command = plan
  variables {
    size            = { cpu = "1", memory = "5Gi", concurrency = 256, timeout_seconds = 60, min_instances = 1, max_instances = 3 }
    stable_revision = "other-00001-old"
  }
  expect_failures = [var.size, var.stable_revision]
}
