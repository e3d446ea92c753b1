# The accounts that the services run as. They are here and not beside the services, because an
# identity that may create accounts and grants can become any of them: a person does that, not a
# workflow.
locals {
  runtime_accounts = {
    for pair in setproduct(["backend", "frontend"], var.environments) :
    "doubleit-${pair[0]}-${pair[1]}" => { component = pair[0], environment = pair[1] }
  }
}

# They hold no role: what a service writes to its output is logged without one. Who may invoke what
# is granted on the services (iac/environment).
resource "google_service_account" "runtime" {
  for_each = local.runtime_accounts

  account_id   = each.key
  display_name = "Runs the ${each.value.component} of ${each.value.environment}"
}
