# The service accounts that the services run as. They are here and not in iac/environment, because
# an account that can create service accounts and grant roles can act as any of them. Only a person
# applies iac/shared.
locals {
  runtime_accounts = {
    for pair in setproduct(["backend", "frontend"], var.environments) :
    "doubleit-${pair[0]}-${pair[1]}" => { component = pair[0], environment = pair[1] }
  }
}

# They have no project roles, because writing logs needs none. iac/environment grants them access to
# individual services.
resource "google_service_account" "runtime" {
  for_each = local.runtime_accounts

  account_id   = each.key
  display_name = "Runs the ${each.value.component} of ${each.value.environment}"
}
