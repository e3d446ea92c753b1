locals {
  # Cloud Run's metrics of each service, as PromQL.
  of = { for label, service in local.services : label => "{monitored_resource=\"cloud_run_revision\",service_name=\"${service}\"}" }

  dashboard_charts = concat(
    flatten([for label, of in local.of : [
      { title = "${label}: answers per second by class", query = "sum by (response_code_class) (rate(run_googleapis_com:request_count${of}[1m]))" },
      { title = "${label}: requests per second by revision", query = "sum by (revision_name) (rate(run_googleapis_com:request_count${of}[1m]))" },
      { title = "${label}: instances by state", query = "sum by (state) (run_googleapis_com:container_instance_count${of})" },
      { title = "${label}: memory, 99th percentile of its limit", query = "histogram_quantile(0.99, sum by (le, revision_name) (rate(run_googleapis_com:container_memory_utilizations_bucket${of}[1m])))" },
      { title = "${label}: CPU, 99th percentile of its limit", query = "histogram_quantile(0.99, sum by (le, revision_name) (rate(run_googleapis_com:container_cpu_utilizations_bucket${of}[1m])))" },
    ]]),
    [for quantile in ["0.50", "0.95", "0.99"] : {
      title = "API: latency in ms, quantile ${quantile}, by revision"
      query = "histogram_quantile(${quantile}, sum by (le, revision_name) (rate(run_googleapis_com:request_latencies_bucket${local.of.API}[1m])))"
    }],
    # TorchServe's own metrics exist only if the sidecar collects them.
    var.metrics_sidecar_image == null ? [] : [
      { title = "Model: predictions per second", query = "sum by (model_name, model_version) (rate(ts_inference_requests_total[1m]))" },
      { title = "Model: time in the queue per request, in microseconds", query = "sum(rate(ts_queue_latency_microseconds[1m])) / sum(rate(ts_inference_requests_total[1m]))" },
    ],
  )
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "DoubleIt ${var.environment}"
    mosaicLayout = {
      columns = 48
      tiles = [
        for index, chart in local.dashboard_charts : {
          xPos   = index % 3 * 16
          yPos   = floor(index / 3) * 14
          width  = 16
          height = 14
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart.query }
              }]
            }
          }
        }
      ]
    }
  })
}
