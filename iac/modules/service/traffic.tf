# Without a stable revision the newest one serves everything. With one, it keeps serving and the
# newest gets its share and a URL of its own, so that it can be tested before it has any share.
locals {
  canary = var.stable_revision != null

  newest = {
    revision = null
    percent  = local.canary ? var.canary_percent : 100
    tag      = local.canary ? var.canary_tag : null
  }
  stable = {
    revision = var.stable_revision
    percent  = 100 - local.newest.percent
    tag      = null
  }

  traffic = [for target in [local.stable, local.newest] : target if target.percent > 0 || target.tag != null]
}
