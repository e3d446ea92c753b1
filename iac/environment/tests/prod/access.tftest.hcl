# Who may do what in prod; run with prod.tfvars.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

override_data {
  target          = data.google_project.this[0]
  override_during = plan
  values          = { number = "123" }
}

run "only_the_page_may_invoke_prod_s_api" {
  command = plan

  assert {
    condition     = output.backend.invokers == tolist(["serviceAccount:frontend@sa"]) && !module.backend.service.invoker_iam_disabled
    error_message = "others may invoke the API"
  }
  assert {
    condition     = output.frontend.invokers == tolist(["allUsers"]) && module.frontend.service.invoker_iam_disabled
    error_message = "the page is not public, although prod.tfvars says so"
  }
  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value } == { BACKEND_URL = "https://service.example.test", BACKEND_AUTH = "id-token", BACKEND_POLL = "5", BACKEND_MODEL = "doubleit", UI_HOSTS = "*.run.app" }
    error_message = "the page has other environment variables"
  }
  assert {
    condition     = alltrue([for it in [module.backend.service, module.frontend.service] : it.scaling[0].min_instance_count == 1 && it.deletion_protection])
    error_message = "no instance is kept warm, or prod can be deleted by mistake"
  }
  assert {
    condition     = jsonencode({ for name, c in google_monitoring_uptime_check_config.this : name => c.http_check[0].service_agent_authentication[*].type }) == jsonencode({ API = ["OIDC_TOKEN"], page = [] })
    error_message = "the uptime check of the API would be refused, or that of the public page sends a token"
  }
}

run "the_tester_is_added_to_the_named_callers" {
  command = plan
  variables {
    backend_invokers = ["user:you@example.com", "serviceAccount:deployer@sa"]
    backend_tester   = "serviceAccount:deployer@sa"
  }

  assert {
    condition     = toset(output.backend.invokers) == toset(["serviceAccount:frontend@sa", "user:you@example.com", "serviceAccount:deployer@sa"])
    error_message = "the invokers are not the page, the named caller and the tester"
  }
}

run "with_a_sign_in_only_iap_invokes_the_page" {
  command = plan
  variables {
    frontend_access = "iap"
    iap_members     = ["group:team@example.com"]
  }

  assert {
    condition     = output.frontend.invokers == tolist(["serviceAccount:service-123@gcp-sa-iap.iam.gserviceaccount.com"])
    error_message = "the page can be reached around the sign-in"
  }
  assert {
    condition     = module.frontend.service.iap_enabled && !module.frontend.service.invoker_iam_disabled && !module.backend.service.iap_enabled
    error_message = "IAP is off for the page or can be passed by, or is on for the API"
  }
  assert {
    condition     = { for m, grant in google_iap_web_cloud_run_service_iam_member.visitor : m => grant.role } == { "group:team@example.com" = "roles/iap.httpsResourceAccessor" }
    error_message = "others may sign in"
  }
  assert {
    condition     = keys(google_monitoring_uptime_check_config.this) == ["API"]
    error_message = "the page has an uptime check, which would get the sign-in page and always pass"
  }
}
