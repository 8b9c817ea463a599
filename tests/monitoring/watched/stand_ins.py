"""Pages of metrics that this machine cannot have: a Pod with a GPU, its kubelet, and an operator at work.

The gateway's and the operator's are written by their own instruments, fed by hand; only the kubelet's is text of ours.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, generate_latest

from modelport.gateway.metrics import GatewayMetrics, table
from modelport_operator.metrics import Metrics

POD = {"namespace": "vision", "service": "on-gpu", "pod": "on-gpu-0"}
"""Labels that Prometheus' discovery gives to what it scrapes of a Pod."""
MODEL = ("on-gpu", "vision")
DOWN = ("down", "vision")
"""A model that should answer and does not."""
_GPU = ("0", "GPU-5f2a", "H200")
_READINGS: table.Reading = {
    table.READY: [(MODEL, 1)],
    table.CPU_LIMIT: [((), 2)],
    table.MEMORY_LIMIT: [((), 2**30)],
    table.CPU_SECONDS: [((), 12)],
    table.MEMORY: [((), 2**28)],
    table.GPU_UTILIZATION: [(_GPU, 0.4)],
    table.GPU_MEMORY_USED: [(_GPU, 20e9)],
    table.GPU_MEMORY_TOTAL: [(_GPU, 140e9)],
    table.GPU_POWER: [(_GPU, 310)],
}


def _gateway() -> Callable[[], bytes]:
    metrics = GatewayMetrics()
    metrics.observe(list(_READINGS), lambda: _READINGS)

    def page() -> bytes:
        for account, seconds in ((metrics.uptime, 0), (metrics.planned_downtime, 0), (metrics.unplanned_downtime, 1)):
            account.labels(*DOWN).inc(seconds)
        return metrics.render(None)[0]

    return page


def _operator() -> Callable[[], bytes]:
    metrics = Metrics(CollectorRegistry())
    metrics.leads(True)
    for name, state in (("shapes", "Serving"), ("closed", "Stopped"), ("broken", "Failed")):
        metrics.model("vision", name, state)

    def page() -> bytes:
        metrics.called("PATCH", 200)
        metrics.reconciled("done", 0.02)
        metrics.waiting(0)
        return generate_latest(metrics.registry)

    return page


def _kubelet() -> Callable[[], bytes]:
    scrapes = itertools.count(1)
    labels = 'namespace="vision",pod="on-gpu-0",container="triton"'
    return lambda: (
        "# TYPE container_cpu_usage_seconds_total counter\n"
        f"container_cpu_usage_seconds_total{{{labels}}} {next(scrapes)}\n"
        "# TYPE container_memory_working_set_bytes gauge\n"
        f"container_memory_working_set_bytes{{{labels}}} 3000000000\n"
    ).encode()


@contextmanager
def stand_in() -> Iterator[str]:
    """Answer /gateway, /operator and /kubelet, and give host:port."""
    pages: Mapping[str, Callable[[], bytes]] = {
        "/gateway": _gateway(),
        "/operator": _operator(),
        "/kubelet": _kubelet(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages[self.path]()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
