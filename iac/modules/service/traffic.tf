# Without a stable revision, the newest revision gets all requests. With one, the newest gets
# canary_percent of them and its own URL, where it can be tested while canary_percent is 0; the
# stable revision gets the rest.
locals {
  canary = var.stable_revision != null

  newest = {
    revision = null
    percent  = local.canary ? var.canary_percent : 100
    tag      = local.canary ? "canary" : null
  }
  stable = {
    revision = var.stable_revision
    percent  = 100 - local.newest.percent
    tag      = null
  }

  traffic = [for target in [local.stable, local.newest] : target if target.percent > 0 || target.tag != null]
}
