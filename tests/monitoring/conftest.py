"""A real Prometheus over a real server, for the dashboards and rules of the chart.

    pytest -m monitoring tests/monitoring

Run only when asked so, by `make test-monitoring`, which brings Prometheus; then one that is missing is a failure.
`MODELPORT_PLOTS=DIR` keeps the drawings of the dashboards there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watched.prometheus import Prometheus, Target, run_prometheus
from watched.serving import serve
from watched.stand_ins import POD, stand_in

SETTLE_SECONDS = 10
"""For rules that look at what other rules have recorded."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "monitoring: needs Prometheus and promtool")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "monitoring" else True


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus after some traffic on all examples, which goes on while it is asked."""
    examples, folder = tmp_path_factory.mktemp("examples"), tmp_path_factory.mktemp("prometheus")
    with serve(examples) as serving, stand_in() as stand_ins:
        targets = [
            Target("modelport", serving.metrics),
            Target("pod", stand_ins, "/gateway", POD),
            Target("kubelet", stand_ins, "/kubelet"),
            Target("operator", stand_ins, "/operator", {"namespace": "modelport"}),
        ]
        with run_prometheus(folder, targets) as prometheus:
            asked, ended = threading.Event(), threading.Event()
            traffic = threading.Thread(target=serving.drive, args=(asked, ended))
            traffic.start()
            try:
                assert asked.wait(240), "the server was too slow to be asked for everything"
                time.sleep(SETTLE_SECONDS)
                yield prometheus
            finally:
                ended.set()
                traffic.join()
