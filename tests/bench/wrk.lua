-- One request again and again, and the result as a line of JSON.
wrk.method = os.getenv("BENCH_METHOD")
wrk.body = io.open(os.getenv("BENCH_BODY_FILE"), "rb"):read("*a")

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.requests,
    summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50),
    latency:percentile(99)
  ))
end
