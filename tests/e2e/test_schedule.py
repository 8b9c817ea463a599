"""A schedule that stops and starts a model for real: its windows are minutes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from real_cluster.kubectl import Kube, Object, eventually

NAME = "office-hours"
MINUTE = timedelta(minutes=1)
STATUS = """
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], b'{"instances": [1.0]}', {"content-type": "application/json"})
try:
    print(urllib.request.urlopen(request, timeout=5).status, -1)
except urllib.error.HTTPError as error:
    print(error.code, error.headers.get("Retry-After", -1))
except OSError:
    print(0, -1)
"""


def ask(kube: Kube) -> tuple[int, int]:
    """Return status and Retry-After of a prediction, 0 where nobody listens."""
    url = f"http://{NAME}/v1/models/half_plus_two:predict"
    status, after = kube("exec", "deployment/model-store", "--", "python", "-c", STATUS, url).split()
    return int(status), int(after)


@pytest.mark.timeout(500, func_only=True)
def test_it_stops_and_starts_by_the_clock(kube: Kube, example: Callable[..., Object]) -> None:
    # Long enough to be served before it closes, on a slow machine too; the cluster's clock is ours.
    closes = datetime.now(UTC).replace(second=0, microsecond=0) + 2 * MINUTE
    opens = closes + 2 * MINUTE
    windows = [
        {"start": f"{closes - 60 * MINUTE:%H:%M}", "end": f"{closes:%H:%M}"},
        {"start": f"{opens:%H:%M}", "end": f"{opens + 60 * MINUTE:%H:%M}"},
    ]
    kube.apply(example("half-plus-two", NAME, access={"anonymous": True}, execution={"schedule": {"windows": windows}}))
    kube.wait_ready(NAME, 110)
    assert ask(kube)[0] == 200

    while datetime.now(UTC) < closes:
        time.sleep(0.2)
    status, after = ask(kube)
    left = (opens - datetime.now(UTC)).total_seconds()
    assert status == 503
    assert left - 1 <= after <= left + 10
    eventually(lambda: not kube.pods(NAME), 60)
    assert kube.get(f"pm/{NAME}")["status"]["state"] == "Stopped"
    assert kube.condition(NAME, "Ready")["reason"] == "StoppedBySchedule"

    while datetime.now(UTC) < opens:
        time.sleep(0.2)
    eventually(lambda: ask(kube)[0] == 200, 90)
    kube("delete", f"pm/{NAME}")
