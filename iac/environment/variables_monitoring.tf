variable "alert_email" {
  description = "The email address that alerts are sent to. Null: alerts are only shown in the console."
  type        = string
  default     = null
}

variable "availability_goal" {
  description = "The share of each service's responses in 28 days that are no 5xx, below 1. An alert opens when a day has twice as many as this allows."
  type        = number
  default     = 0.995
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
}

variable "uptime_period_seconds" {
  description = "Seconds between two uptime checks of the page and the API from each region: 60, 300, 600 or 900. A check starts an instance if a service has none."
  type        = number
  default     = 300
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
