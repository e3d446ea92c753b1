# Binary Authorization, if chosen: services that ask for it run images of these registries only, and
# only dev's deployer can push to this one. Which commit an image was built from is verified before a
# deployment (scripts/deploy).
resource "google_binary_authorization_policy" "this" {
  count = length(var.allowed_images) > 0 ? 1 : 0

  global_policy_evaluation_mode = "ENABLE" # allows Google's own system images

  dynamic "admission_whitelist_patterns" {
    for_each = var.allowed_images
    content {
      name_pattern = admission_whitelist_patterns.value
    }
  }

  default_admission_rule {
    evaluation_mode  = "ALWAYS_DENY"
    enforcement_mode = "ENFORCED_BLOCK_AND_AUDIT_LOG"
  }

  depends_on = [google_project_service.this]
}
