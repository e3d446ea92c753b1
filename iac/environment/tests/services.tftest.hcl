# The services, in both environments.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_defaults" {
  command = plan

  assert {
    condition     = module.backend.service.template[0].service_account == "backend@sa" && module.frontend.service.template[0].service_account == "frontend@sa"
    error_message = "the services share an account"
  }

  assert {
    condition     = module.backend.service.template[0].containers[0].image == var.backend_image && module.frontend.service.template[0].containers[0].image == var.frontend_image
    error_message = "the images are not the given ones"
  }

  assert {
    condition     = module.backend.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/predictions/doubleit/1.0/ready"
    error_message = "the startup probe does not wait for the model"
  }
  assert {
    condition     = module.backend.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/ping"
    error_message = "the liveness probe does not use /ping"
  }

  assert {
    condition     = module.backend.service.template[0].max_instance_request_concurrency == 256
    error_message = "the concurrency is not 256"
  }

  assert {
    condition     = module.frontend.service.template[0].session_affinity && !module.backend.service.template[0].session_affinity
    error_message = "the page has no session affinity, or the API has it"
  }
  assert {
    condition     = module.frontend.service.template[0].timeout == "3600s"
    error_message = "a websocket is cut off early"
  }

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.UI_HOSTS == "*.run.app"
    error_message = "the page refuses its own host name, or accepts others"
  }

  assert {
    condition     = length(module.backend.service.template[0].containers) == 1 && length(module.backend.service.template[0].volumes) == 0
    error_message = "there is a sidecar"
  }

  assert {
    condition     = length(module.backend.service.binary_authorization) == 0
    error_message = "the service needs a policy that nobody set"
  }

  assert {
    condition     = length(module.backend.service.template[0].vpc_access) == 0 && module.backend.service.labels == null
    error_message = "the service is in a network, or has a label, that nobody set"
  }
}

run "every_option" {
  command = plan
  variables {
    binary_authorization  = true
    commit                = "0123abc"
    subnetwork            = "projects/my-project/regions/us-central1/subnetworks/inner"
    backend_env           = { ACCESS_LOG = "info" }
    backend_audiences     = ["https://api.example.com"]
    model_name            = "square"
    model_version         = "2.1"
    frontend_hosts        = ["doubleit.example.com", "*.example.org"]
    metrics_sidecar_image = "us-docker.pkg.dev/p/r/sidecar@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  }

  assert {
    condition     = alltrue([for it in [module.backend.service, module.frontend.service] : it.binary_authorization[0].use_default])
    error_message = "a service runs images that the policy forbids"
  }

  assert {
    condition     = alltrue([for it in [module.backend.service, module.frontend.service] : it.labels == tomap({ commit = "0123abc" }) && it.template[0].vpc_access[0].network_interfaces[0].subnetwork == var.subnetwork])
    error_message = "a service does not name its commit, or cannot reach the subnetwork"
  }

  assert {
    condition     = module.backend.service.custom_audiences == tolist(["https://api.example.com"])
    error_message = "tokens for the API's own domain are refused"
  }

  assert {
    condition     = module.backend.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/predictions/square/2.1/ready"
    error_message = "the startup probe waits for another model"
  }
  assert {
    condition     = google_monitoring_uptime_check_config.this["API"].http_check[0].path == "/predictions/square/2.1/ready"
    error_message = "the uptime check requests another model"
  }
  assert {
    condition     = { for e in module.backend.service.template[0].containers[0].env : e.name => e.value } == { MODEL_NAME = "square", MODEL_VERSION = "2.1", MEMORY = "${var.backend.memory}B", GOOGLE_CLOUD_PROJECT = "my-project", ACCESS_LOG = "info" }
    error_message = "the server serves another model"
  }
  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.BACKEND_MODEL == "square"
    error_message = "the page requests another model"
  }

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }.UI_HOSTS == "*.run.app,*.example.org,doubleit.example.com"
    error_message = "the page refuses its own host name, or accepts others"
  }

  assert {
    condition     = module.backend.service.template[0].containers[1].image == var.metrics_sidecar_image && module.backend.service.template[0].volumes[0].secret[0].secret == "doubleit-run-monitoring"
    error_message = "the sidecar's image is not the given one"
  }
  assert {
    condition     = length(module.frontend.service.template[0].containers) == 1
    error_message = "the page has a sidecar too"
  }
  assert {
    condition     = strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference_requests_total")
    error_message = "the dashboard does not show the sidecar's metrics"
  }
}
