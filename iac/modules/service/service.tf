# One Cloud Run service: the settings that the API and the page have in common.
resource "google_cloud_run_v2_service" "this" {
  name                = var.name
  location            = var.region
  deletion_protection = var.deletion_protection
  iap_enabled         = var.iap_enabled
  labels              = var.commit == "" ? null : { commit = var.commit }

  # Reachable from the Internet at its own URL; access.tf controls who may invoke it. A public
  # service checks no caller. Granting allUsers would have the same effect, but organizations forbid
  # it by default (domain-restricted sharing).
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = var.public
  custom_audiences     = var.audiences

  dynamic "binary_authorization" {
    for_each = var.binary_authorization ? [true] : []
    content {
      use_default = true
    }
  }

  # Set on the service, not on its revisions, so that a revision without traffic keeps no instance
  # warm.
  scaling {
    min_instance_count = var.size.min_instances
  }

  template {
    service_account                  = var.service_account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.size.concurrency
    timeout                          = "${var.size.timeout_seconds}s"
    session_affinity                 = var.session_affinity

    scaling {
      max_instance_count = var.size.max_instances
    }

    dynamic "vpc_access" {
      for_each = var.subnetwork[*]
      content {
        egress = "PRIVATE_RANGES_ONLY"
        network_interfaces {
          subnetwork = vpc_access.value
        }
      }
    }

    containers {
      name  = "server"
      image = var.image

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = var.size.cpu
          memory = var.size.memory
        }
        # CPU between requests costs more. Only the sidecar needs it, to collect metrics at any
        # time.
        cpu_idle          = var.sidecar_image == null
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = var.env
        content {
          name  = env.key
          value = env.value
        }
      }

      # 40 x 3 s = two minutes to start. Cloud Run allows at most four, and requires a timeout below
      # the period.
      startup_probe {
        period_seconds    = 3
        timeout_seconds   = 2
        failure_threshold = 40
        http_get {
          path = var.startup_path
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = var.liveness_path
        }
      }
    }

    dynamic "containers" {
      for_each = var.sidecar_image[*]
      content {
        name       = "metrics"
        image      = containers.value
        depends_on = ["server"]

        # Set explicitly, because Cloud Run throttles the CPU between requests by default. The
        # collector works between requests, and all containers of an instance need the same
        # cpu_idle.
        resources {
          limits = {
            cpu    = "1"
            memory = "512Mi"
          }
          cpu_idle = false
        }

        volume_mounts {
          name       = "metrics-config"
          mount_path = "/etc/rungmp"
        }
      }
    }

    dynamic "volumes" {
      for_each = var.sidecar_image[*]
      content {
        name = "metrics-config"
        secret {
          secret = "doubleit-run-monitoring" # iac/shared
          items {
            path    = "config.yaml"
            version = "latest"
          }
        }
      }
    }
  }

  dynamic "traffic" {
    for_each = local.traffic
    content {
      type     = traffic.value.revision == null ? "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" : "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
      revision = traffic.value.revision
      percent  = traffic.value.percent
      tag      = traffic.value.tag
    }
  }
}
