"""A schedule closes and opens a model while `modelport serve` runs, and Triton's memory follows."""

from datetime import UTC, datetime, timedelta

import requests

HALF = {"instances": [1.0, 2.0, 5.0]}
STUB = "triton_python_backend_stub"
SCHEDULE = """
  execution:
    schedule:
      windows: [{{start: "00:00", end: "24:00"}}]
      override: {{until: "{until:%Y-%m-%dT%H:%M:%SZ}", state: Stopped}}
"""


def test_a_model_leaves_tritons_memory_while_its_schedule_is_closed(start_server, two_models):
    server = start_server(two_models)
    assert server.predict("half_plus_two", HALF).status_code == 200
    processes = len(server.descendants(STUB))
    triton = [each.pid for each in server.descendants("tritonserver") if STUB not in each.cmdline()[0]]
    manifest = server.manifests / "1-half-plus-two.yaml"
    opening = datetime.now(UTC) + timedelta(seconds=15)
    manifest.write_text(manifest.read_text().rstrip() + SCHEDULE.format(until=opening))

    server.eventually(lambda: "stopped by its schedule until" in server.predict("half_plus_two", HALF).text, seconds=9)
    answer = server.predict("half_plus_two", HALF)
    assert answer.status_code == 503
    assert 0 < int(answer.headers["Retry-After"]) <= 15
    server.eventually(lambda: len(server.descendants(STUB)) < processes, seconds=9)
    assert requests.get(f"{server.metrics_url}/readyz", timeout=10).status_code == 200
    assert server.readiness()["models"]["half_plus_two"]["reason"] == "StoppedBySchedule"
    assert server.predict("sleeper", {"instances": [0.0]}).status_code == 200

    server.eventually(lambda: server.predict("half_plus_two", HALF).status_code == 200)
    assert datetime.now(UTC) >= opening.replace(microsecond=0)
    assert 1 < planned_downtime(server) < 20
    assert len(server.descendants(STUB)) == processes
    assert triton == [each.pid for each in server.descendants("tritonserver") if STUB not in each.cmdline()[0]]


def planned_downtime(server):
    metrics = requests.get(f"{server.metrics_url}/metrics", timeout=10).text
    name = 'modelport_model_planned_downtime_seconds_total{model="half_plus_two"'
    return next(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(name))
