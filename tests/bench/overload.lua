-- One request again and again, each connection with a pause, and how many were answered and refused.
wrk.method = os.getenv("BENCH_METHOD")
wrk.body = io.open(os.getenv("BENCH_BODY_FILE"), "rb"):read("*a")
local pause = tonumber(os.getenv("BENCH_PAUSE_MS"))
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  answered, refused, told, others = 0, 0, 0, 0
end

-- Of any length up to twice the mean: pauses of one length would bring all connections at the same moment.
function delay()
  return math.random(0, 2 * pause)
end

function response(status, headers, body)
  if status == 200 then
    answered = answered + 1
  elseif status == 503 then
    refused = refused + 1
    if headers["Retry-After"] then told = told + 1 end
  else
    others = others + 1
  end
end

function done(summary, latency, requests)
  local errors, thread = summary.errors, threads[1]
  io.write(string.format(
    '{"microseconds": %d, "answered": %d, "refused": %d, "told": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.duration, thread:get("answered"), thread:get("refused"), thread:get("told"),
    thread:get("others") + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
