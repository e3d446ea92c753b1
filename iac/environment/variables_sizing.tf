# modules/service validates what both services have in common.
variable "backend" {
  description = "The size of a model server instance (CPUs, memory, concurrent requests, seconds per request) and the number of instances."
  type = object({
    cpu = optional(string, "1")
    # The JVM and one worker use about 250 MB each. The rest determines the largest request: Cloud
    # Run's maximum of 32 MiB from 1Gi on, 4 MiB with 512Mi; and how many are processed at once
    # (docs/reliability.md, section Limits).
    memory = optional(string, "1Gi")
    # A quarter of the server's queue (1000), so that the queue never overflows, which would return
    # 503. At most four full batches of 64 wait; with more load, another instance responds sooner.
    concurrency     = optional(number, 256)
    timeout_seconds = optional(number, 60)
    min_instances   = optional(number, 0)
    max_instances   = optional(number, 3)
  })
  default = {}

  validation {
    condition     = try(tonumber(regex("^[0-9]+", var.backend.memory)) >= (endswith(var.backend.memory, "Gi") ? 1 : 1024), false)
    error_message = "backend.memory is at least 1Gi (or 1024Mi): the JVM and one worker take half of it."
  }
}

variable "frontend" {
  description = "The size of a page instance (CPUs, memory, concurrent requests, seconds per request) and the number of instances."
  type = object({
    cpu = optional(string, "1")
    # An upload of up to 32 MiB, the API's limit, becomes millions of Python numbers.
    memory = optional(string, "1Gi")
    # Each open page uses one request, its websocket.
    concurrency = optional(number, 80)
    # Cloud Run's maximum. After it, the page reconnects.
    timeout_seconds = optional(number, 3600)
    min_instances   = optional(number, 0)
    max_instances   = optional(number, 3)
  })
  default = {}
}
