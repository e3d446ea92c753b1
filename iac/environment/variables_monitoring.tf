variable "alert_email" {
  description = "The email address that alerts are sent to. Null: alerts are only shown in the console."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email is one address, such as oncall@example.com."
  }
}

variable "availability_goal" {
  description = "The share of each service's responses in 28 days that are no 5xx. An alert opens when a day has twice as many as this allows."
  type        = number
  default     = 0.995

  validation {
    condition     = var.availability_goal > 0.5 && var.availability_goal < 1
    error_message = "availability_goal is a share below 1, such as 0.995 for 99.5 %."
  }
}

variable "alert_thresholds" {
  description = "Values above which an alert opens: the share of 5xx responses in an hour, the 95th percentile of the API's latency in milliseconds, the share of an instance's memory and CPU in use."
  type = object({
    error_share    = optional(number, 0.05)
    latency_p95_ms = optional(number, 1000)
    memory_share   = optional(number, 0.9)
    cpu_share      = optional(number, 0.9)
  })
  default = {}

  validation {
    condition     = alltrue([for share in [var.alert_thresholds.error_share, var.alert_thresholds.memory_share, var.alert_thresholds.cpu_share] : share > 0 && share < 1])
    error_message = "alert_thresholds: error_share, memory_share and cpu_share are shares between 0 and 1, such as 0.05 for 5 %."
  }
  validation {
    condition     = var.alert_thresholds.latency_p95_ms > 0
    error_message = "alert_thresholds.latency_p95_ms is a number of milliseconds above 0."
  }
}

variable "uptime_period_seconds" {
  description = "Seconds between two uptime checks of the page and the API from each region. A check starts an instance if a service has none."
  type        = number
  default     = 300

  validation {
    condition     = contains([60, 300, 600, 900], var.uptime_period_seconds)
    error_message = "uptime_period_seconds is 60, 300, 600 or 900, what Cloud Monitoring offers."
  }
}

variable "metrics_sidecar_image" {
  description = "The image of Google's Prometheus sidecar, by digest, which collects TorchServe's own metrics. Null: no sidecar. First add the environment to prometheus_environments in iac/shared."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_sidecar_image == null || can(regex("@sha256:[0-9a-f]{64}$", var.metrics_sidecar_image))
    error_message = "metrics_sidecar_image names a digest (…@sha256:…), not a tag."
  }
}
