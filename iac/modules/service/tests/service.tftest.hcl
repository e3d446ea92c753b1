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
  project_id          = "my-project"
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
    condition     = google_cloud_run_v2_service.this.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    error_message = "it does not use the second generation"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].service_account == "svc@my-project.iam.gserviceaccount.com"
    error_message = "it does not run as the given account"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].startup_cpu_boost
    error_message = "no CPU boost at start"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle
    error_message = "CPU is billed between requests"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].timeout == "60s"
    error_message = "the timeout is not the given one"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.deletion_protection
    error_message = "the service can be deleted"
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].http_get[0].path == "/ready"
    error_message = "the startup probe requests another path"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].liveness_probe[0].http_get[0].path == "/ping"
    error_message = "the liveness probe requests another path"
  }
  assert {
    # Cloud Run rejects a higher value.
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].failure_threshold * google_cloud_run_v2_service.this.template[0].containers[0].startup_probe[0].period_seconds <= 240
    error_message = "a start may take longer than the 240 s that Cloud Run allows"
  }

  assert {
    # Cloud Run rejects a timeout that is not below the period.
    condition     = alltrue([for p in concat(google_cloud_run_v2_service.this.template[0].containers[0].startup_probe, google_cloud_run_v2_service.this.template[0].containers[0].liveness_probe) : p.timeout_seconds < p.period_seconds])
    error_message = "a probe's timeout is not below its period"
  }

  assert {
    condition     = google_cloud_run_v2_service.this.scaling[0].min_instance_count == 1
    error_message = "the service keeps no instance warm"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].scaling[0].min_instance_count == null
    error_message = "a revision without traffic would keep instances warm"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].scaling[0].max_instance_count == 3
    error_message = "the limit is not the given one"
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.invoker) == 0
    error_message = "the service has invokers"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.invoker_iam_disabled == false
    error_message = "callers are not checked"
  }

  assert {
    condition     = [for t in google_cloud_run_v2_service.this.traffic : [t.type, t.percent]] == [["TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 100]]
    error_message = "the newest revision does not get all requests"
  }
  assert {
    condition     = output.serving_revision == "svc-00002-new"
    error_message = "the serving revision is not the newest"
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
    condition     = output.canary_uri == "https://canary---svc.example.test"
    error_message = "no output has the canary's URL"
  }
  assert {
    condition     = output.serving_revision == "svc-00001-old"
    error_message = "the revision for a rollback is not the stable one"
  }
}

run "canary_at_ten_shares_with_the_stable_revision" {
  command = plan
  variables {
    stable_revision = "svc-00001-old"
    canary_percent  = 10
  }

  assert {
    condition     = [for t in google_cloud_run_v2_service.this.traffic : t.percent] == [90, 10]
    error_message = "the percentages are not 90 and 10"
  }
  assert {
    condition     = sum([for t in google_cloud_run_v2_service.this.traffic : t.percent]) == 100
    error_message = "the percentages do not add up to 100"
  }
}

run "canary_at_hundred_leaves_the_stable_revision_without_traffic" {
  command = plan
  variables {
    stable_revision = "svc-00001-old"
    canary_percent  = 100
  }

  assert {
    condition     = [for t in google_cloud_run_v2_service.this.traffic : [t.type, t.percent]] == [["TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 100]]
    error_message = "the newest revision does not get all requests"
  }
  assert {
    condition     = output.serving_revision == "svc-00002-new"
    error_message = "the serving revision is not the newest"
  }
}

run "sidecar_waits_for_the_server_and_has_cpu_between_requests" {
  command = plan
  variables {
    sidecar = {
      image         = "gcr.example/sidecar@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
      config_secret = "config"
      config_path   = "/etc/rungmp"
    }
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[1].depends_on == tolist(["server"])
    error_message = "the sidecar does not wait for the server"
  }
  assert {
    condition     = length(google_cloud_run_v2_service.this.template[0].containers[1].ports) == 0
    error_message = "more than one container has a port"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].volumes[0].secret[0].secret == "config"
    error_message = "the sidecar's configuration is not mounted"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[0].resources[0].cpu_idle == false
    error_message = "the sidecar has no CPU between requests"
  }
  assert {
    # Cloud Run requires the same value in all containers of an instance.
    condition     = length(distinct([for c in google_cloud_run_v2_service.this.template[0].containers : c.resources[0].cpu_idle])) == 1
    error_message = "the containers differ in cpu_idle"
  }
  assert {
    condition     = google_cloud_run_v2_service.this.template[0].containers[1].resources[0].limits == tomap({ cpu = "1", memory = "512Mi" })
    error_message = "the sidecar has no limits of its own"
  }
}
