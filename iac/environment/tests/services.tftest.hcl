# The services, in both environments.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project_id     = "my-project"
  backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

run "each_service_has_its_own_account" {
  command = plan

  assert {
    condition     = module.backend.service.template[0].service_account == "backend@sa" && module.frontend.service.template[0].service_account == "frontend@sa"
    error_message = "an account is shared"
  }
}

run "images_are_the_given_digests" {
  command = plan

  assert {
    condition     = module.backend.service.template[0].containers[0].image == var.backend_image && module.frontend.service.template[0].containers[0].image == var.frontend_image
    error_message = "other images"
  }
}

run "the_api_starts_when_the_model_answers" {
  command = plan

  assert {
    condition     = module.backend.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/predictions/doubleit/1.0/ready"
    error_message = "a start does not wait for the model"
  }

  assert {
    condition     = module.backend.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/ping"
    error_message = "liveness is not /ping"
  }
}

run "readiness_follows_the_model" {
  command = plan
  variables {
    model_name    = "square"
    model_version = "2.1"
  }

  assert {
    condition     = module.backend.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/predictions/square/2.1/ready"
    error_message = "a start waits for another model"
  }

  assert {
    condition     = google_monitoring_uptime_check_config.this["API"].http_check[0].path == "/predictions/square/2.1/ready"
    error_message = "the uptime check asks for another model"
  }

  assert {
    condition     = { for e in module.backend.service.template[0].containers[0].env : e.name => e.value } == { MODEL_NAME = "square", MODEL_VERSION = "2.1", MEMORY = "${var.backend.memory}B" }
    error_message = "the server serves another model"
  }

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.BACKEND_MODEL == "square"
    error_message = "the page asks for another model"
  }
}

run "an_instance_gets_fewer_requests_than_its_queue_holds" {
  command = plan

  assert {
    condition     = module.backend.service.template[0].max_instance_request_concurrency == 256
    error_message = "not 256 requests at a time"
  }
}

run "the_page_keeps_its_sessions" {
  command = plan

  assert {
    condition     = module.frontend.service.template[0].session_affinity && !module.backend.service.template[0].session_affinity
    error_message = "sessions are not kept, or the API is uneven"
  }

  assert {
    condition     = module.frontend.service.template[0].timeout == "3600s"
    error_message = "a websocket is cut off early"
  }
}

run "the_page_is_opened_under_cloud_run_s_names_only" {
  command = plan

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.UI_HOSTS == "*.run.app"
    error_message = "the page refuses its own name, or admits others"
  }
}

run "the_page_has_a_name_of_its_own" {
  command = plan
  variables {
    frontend_hosts = ["doubleit.example.com", "*.example.org"]
  }

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.UI_HOSTS == "*.run.app,*.example.org,doubleit.example.com"
    error_message = "the page refuses its own name, or admits others"
  }
}

run "no_sidecar_by_default" {
  command = plan

  assert {
    condition     = length(module.backend.service.template[0].containers) == 1 && length(module.backend.service.template[0].volumes) == 0
    error_message = "a sidecar that nobody asked for"
  }
}

run "the_sidecar_reads_the_shared_configuration" {
  command = plan
  variables {
    metrics_sidecar_image = "us-docker.pkg.dev/p/r/sidecar@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  }

  assert {
    condition     = module.backend.service.template[0].containers[1].image == var.metrics_sidecar_image && module.backend.service.template[0].volumes[0].secret[0].secret == "doubleit-run-monitoring"
    error_message = "not the given sidecar"
  }

  assert {
    condition     = length(module.frontend.service.template[0].containers) == 1
    error_message = "the page got one too"
  }

  assert {
    condition     = strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference_requests_total")
    error_message = "its metrics are not on the dashboard"
  }
}
