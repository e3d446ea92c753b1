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
    condition     = contains(["1", "2", "4", "8"], var.backend.cpu)
    error_message = "backend.cpu is 1, 2, 4 or 8: below one CPU Cloud Run gives an instance one request at a time, and the server has nothing to batch."
  }
  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.backend.memory)) && try(tonumber(regex("^[0-9]+", var.backend.memory)), 0) * (endswith(var.backend.memory, "Gi") ? 1024 : 1) >= 1024
    error_message = "backend.memory is at least 1Gi (or 1024Mi): the JVM and one worker take half of it."
  }
  validation {
    # Cloud Run's rule, which a plan does not check.
    condition     = try(tonumber(regex("^[0-9]+", var.backend.memory)), 0) * (endswith(var.backend.memory, "Gi") ? 1024 : 1) >= lookup({ "4" = 2048, "8" = 4096 }, var.backend.cpu, 0) && try(tonumber(regex("^[0-9]+", var.backend.memory)), 0) * (endswith(var.backend.memory, "Gi") ? 1024 : 1) <= lookup({ "1" = 4096, "2" = 8192, "4" = 16384 }, var.backend.cpu, 32768)
    error_message = "backend.memory does not fit backend.cpu: up to 4Gi with 1 CPU, 8Gi with 2, 2Gi to 16Gi with 4, 4Gi to 32Gi with 8."
  }
  validation {
    condition     = var.backend.concurrency >= 1 && var.backend.concurrency <= 1000 && floor(var.backend.concurrency) == var.backend.concurrency
    error_message = "backend.concurrency is 1 to 1000: the server's queue holds 1000 requests, and one more is answered 503."
  }
  validation {
    condition     = var.backend.timeout_seconds >= 1 && var.backend.timeout_seconds <= 3600
    error_message = "backend.timeout_seconds is 1 to 3600."
  }
  validation {
    condition     = var.backend.min_instances >= 0 && var.backend.max_instances >= 1 && var.backend.min_instances <= var.backend.max_instances
    error_message = "backend.min_instances is at least 0 and at most backend.max_instances."
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

  validation {
    condition     = contains(["1", "2", "4", "8"], var.frontend.cpu)
    error_message = "frontend.cpu is 1, 2, 4 or 8: below one CPU Cloud Run gives an instance one request at a time, and one open page would fill it."
  }
  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.frontend.memory)) && try(tonumber(regex("^[0-9]+", var.frontend.memory)), 0) * (endswith(var.frontend.memory, "Gi") ? 1024 : 1) >= 512
    error_message = "frontend.memory is at least 512Mi, the least that Cloud Run's second generation takes."
  }
  validation {
    # Cloud Run's rule, which a plan does not check.
    condition     = try(tonumber(regex("^[0-9]+", var.frontend.memory)), 0) * (endswith(var.frontend.memory, "Gi") ? 1024 : 1) >= lookup({ "4" = 2048, "8" = 4096 }, var.frontend.cpu, 0) && try(tonumber(regex("^[0-9]+", var.frontend.memory)), 0) * (endswith(var.frontend.memory, "Gi") ? 1024 : 1) <= lookup({ "1" = 4096, "2" = 8192, "4" = 16384 }, var.frontend.cpu, 32768)
    error_message = "frontend.memory does not fit frontend.cpu: up to 4Gi with 1 CPU, 8Gi with 2, 2Gi to 16Gi with 4, 4Gi to 32Gi with 8."
  }
  validation {
    condition     = var.frontend.concurrency >= 1 && var.frontend.concurrency <= 1000 && floor(var.frontend.concurrency) == var.frontend.concurrency
    error_message = "frontend.concurrency is 1 to 1000, Cloud Run's range."
  }
  validation {
    condition     = var.frontend.timeout_seconds >= 1 && var.frontend.timeout_seconds <= 3600
    error_message = "frontend.timeout_seconds is 1 to 3600."
  }
  validation {
    condition     = var.frontend.min_instances >= 0 && var.frontend.max_instances >= 1 && var.frontend.min_instances <= var.frontend.max_instances
    error_message = "frontend.min_instances is at least 0 and at most frontend.max_instances."
  }
}
