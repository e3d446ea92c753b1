# The services, in both environments.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_defaults" {
  command = plan

  assert {
    condition = { for it in [module.backend.service, module.frontend.service] : it.name => [it.template[0].service_account, it.template[0].containers[0].image] } == {
      "doubleit-backend-${var.environment}"  = ["backend@sa", var.backend_image]
      "doubleit-frontend-${var.environment}" = ["frontend@sa", var.frontend_image]
    }
    error_message = "a service has another name, account or image"
  }
  assert {
    condition     = [data.google_service_account.backend.account_id, data.google_service_account.frontend.account_id] == ["doubleit-backend-${var.environment}", "doubleit-frontend-${var.environment}"]
    error_message = "the accounts are not those of the environment"
  }
  assert {
    condition     = [for c in module.backend.service.template[0].containers : [c.startup_probe[0].http_get[0].path, c.liveness_probe[0].http_get[0].path]] == [["/predictions/doubleit/1.0/ready", "/ping"]]
    error_message = "the startup probe does not wait for the model, the liveness probe does not use /ping, or there is a sidecar"
  }
  assert {
    condition     = module.backend.service.template[0].max_instance_request_concurrency == 256 && !module.backend.service.template[0].session_affinity
    error_message = "the API has another concurrency, or affinity"
  }
  assert {
    condition     = module.frontend.service.template[0].session_affinity && module.frontend.service.template[0].timeout == "3600s"
    error_message = "the page has no session affinity, or a websocket is cut off early"
  }
  assert {
    condition     = length(module.backend.service.binary_authorization) == 0 && length(module.backend.service.template[0].vpc_access) == 0
    error_message = "the service has a policy or a network that nobody set"
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
    condition     = alltrue([for it in [module.backend.service, module.frontend.service] : it.binary_authorization[0].use_default && it.labels == tomap({ commit = "0123abc" }) && it.template[0].vpc_access[0].network_interfaces[0].subnetwork == var.subnetwork])
    error_message = "a service runs images that the policy forbids, does not name its commit, or cannot reach the subnetwork"
  }
  assert {
    condition     = module.backend.service.custom_audiences == tolist(["https://api.example.com"])
    error_message = "tokens for the API's own domain are refused"
  }
  assert {
    condition     = module.backend.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/predictions/square/2.1/ready" && google_monitoring_uptime_check_config.this["API"].http_check[0].path == "/predictions/square/2.1/ready"
    error_message = "the startup probe or the uptime check requests another model"
  }
  assert {
    condition     = { for e in module.backend.service.template[0].containers[0].env : e.name => e.value } == { MODEL_NAME = "square", MODEL_VERSION = "2.1", MEMORY = "${var.backend.memory}B", GOOGLE_CLOUD_PROJECT = "my-project", ACCESS_LOG = "info" }
    error_message = "the server serves another model"
  }
  assert {
    condition     = [for name in ["BACKEND_MODEL", "UI_HOSTS"] : { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value }[name]] == ["square", "*.run.app,*.example.org,doubleit.example.com"]
    error_message = "the page requests another model, refuses its own host name, or accepts others"
  }
  assert {
    condition     = module.backend.service.template[0].containers[1].image == var.metrics_sidecar_image && length(module.frontend.service.template[0].containers) == 1 && strcontains(google_monitoring_dashboard.this.dashboard_json, "ts_inference_requests_total")
    error_message = "the sidecar's image is not the given one, the page has one too, or the dashboard does not show its metrics"
  }
}

run "each_service_has_its_own_canary" {
  command = plan
  variables {
    backend_stable_revision  = "doubleit-backend-${var.environment}-00001-old"
    backend_canary_percent   = 10
    frontend_stable_revision = "doubleit-frontend-${var.environment}-00001-old"
    frontend_canary_percent  = 50
  }

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [90, 10] && [for t in module.frontend.service.traffic : t.percent] == [50, 50]
    error_message = "the percentages are not 90 and 10 for the API, 50 and 50 for the page"
  }
  assert {
    condition     = output.backend.serving_revision == var.backend_stable_revision && output.frontend.serving_revision == var.frontend_stable_revision
    error_message = "the outputs name other revisions"
  }
  assert {
    condition     = alltrue([for name in ["backend_image", "backend_stable_revision", "backend_canary_percent", "frontend_image", "frontend_stable_revision", "frontend_canary_percent", "commit"] : contains(keys(output.applied), name)]) && output.applied.backend_canary_percent == 10
    error_message = "a preview of a plan would change images or traffic"
  }
}
