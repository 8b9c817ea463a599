"""One model's queue: nothing waits for it, nothing fails because of it, and every picture is counted once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelport.gateway.evaluation.finding import Finding
from modelport.gateway.evaluation.writer import Writer, WriterLimits
from modelport.gateway.metrics import GatewayMetrics
from modelport.storage.errors import Reason, StorageError

Make = Callable[..., Finding]
Counted = Callable[[], dict[str, float]]
STEM = "20261122T165047.123456Z-"
UNREACHABLE = StorageError(Reason.UNREACHABLE, "does not answer: Connection refused")


@pytest.fixture
def start(sink: Any, metrics: GatewayMetrics) -> Iterator[Callable[..., Writer]]:
    writers: list[Writer] = []

    def start(**limits: Any) -> Writer:
        writer = Writer("shapes", "default", sink.open, metrics, WriterLimits(**{"pauses": (0, 0), **limits}))
        writers.append(writer)
        return writer

    yield start
    for writer in writers:
        if sink.gate is not None:
            sink.gate.set()
        writer.close()
        writer.join(10)


def drained(writer: Writer) -> None:
    writer.close()
    writer.join(10)
    assert writer.ended


def test_a_picture_is_stored_before_its_record_in_each_group(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted
) -> None:
    writer = start()
    writer.offer(make_finding(request_id="a", uploadGroups=["day", "night"]))
    drained(writer)
    assert sink.paths == [f"{group}/{STEM}a.{ending}" for group in ("day", "night") for ending in ("jpg", "json")]
    assert counted() == {"stored_total": 1}


def test_what_was_not_written_is_tried_again_and_nothing_twice(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted
) -> None:
    writer = start()
    sink.troubles = [UNREACHABLE, UNREACHABLE]
    writer.offer(make_finding(request_id="a"))
    drained(writer)
    assert sink.paths == [f"{STEM}a.jpg", f"{STEM}a.json"]
    assert sink.opened == 3, "after a failure the sink is opened anew, with the Secret of that moment"
    assert counted() == {"stored_total": 1}
    assert writer.failure is None


@pytest.mark.parametrize(
    ("reason", "attempts"),
    [
        pytest.param(Reason.UNREACHABLE, 3, id="a sink that may come back is tried three times"),
        pytest.param(Reason.FULL, 3, id="room may be made"),
        pytest.param(Reason.DENIED, 1, id="a key that is refused is not tried again"),
        pytest.param(Reason.MISSING, 1, id="a bucket that is not there either"),
        pytest.param(Reason.UNUSABLE, 1, id="nor an address that cannot be meant so"),
    ],
)
def test_a_picture_is_given_up_with_its_reason(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted, reason: Reason, attempts: int
) -> None:
    writer = start()
    sink.troubles = [StorageError(reason, "answered nonsense") for _ in range(attempts)]
    writer.offer(make_finding(request_id="a"))
    writer.offer(make_finding(request_id="b"))
    drained(writer)
    assert sink.paths == [f"{STEM}b.jpg", f"{STEM}b.json"], "the next one is stored"
    assert counted() == {f"failed_total {reason}": 1, "stored_total": 1}


def test_a_failure_is_told_until_it_is_over_and_logged_once(
    start: Callable[..., Writer], sink: Any, make_finding: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    writer = start()
    sink.troubles = [StorageError(Reason.DENIED, "answered 403 AccessDenied for key id AKIA") for _ in range(3)]
    for _ in range(3):
        writer.offer(make_finding(uri="s3://bucket/flagged?signature=hush"))
    drained(writer)
    assert writer.failure is not None
    assert writer.failure.reason == "denied"
    assert writer.failure.message == "s3://bucket/flagged?… answered 403 AccessDenied for key id AKIA"
    assert [record.message for record in caplog.records] == [
        f"model shapes: flagged pictures cannot be stored: {writer.failure.message}"
    ]

    writer.tell(make_finding().evaluation.sink, None)  # type: ignore[arg-type]
    assert writer.failure is None
    assert caplog.records[-1].message == "model shapes: flagged pictures are stored again"


@pytest.mark.parametrize(
    "limits",
    [pytest.param({"pictures": 2}, id="by number"), pytest.param({"nbytes": 150}, id="by bytes")],
)
def test_the_newest_is_dropped_where_there_is_no_room(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted, limits: dict[str, int]
) -> None:
    sink.gate = threading.Event()
    writer = start(**limits)
    for name in "abcd":
        writer.offer(make_finding(request_id=name))
    assert counted() == {"dropped_total": 2, "waiting": 2}
    sink.gate.set()
    drained(writer)
    assert sink.paths == [f"{STEM}{name}.{ending}" for name in "ab" for ending in ("jpg", "json")]
    assert counted() == {"dropped_total": 2, "stored_total": 2}


def test_a_sink_that_hangs_keeps_nobody(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    sink.gate = threading.Event()
    writer = start()
    for name in "ab":
        writer.offer(make_finding(request_id=name))
    assert sink.entered.wait(10)
    writer.close()
    writer.join(0.01)
    assert not writer.ended
    assert counted() == {"failed_total stopped": 2}
    assert "2 flagged pictures were not stored in time" in caplog.text
    writer.offer(make_finding(request_id="c"))
    assert counted()["dropped_total"] == 1


def test_a_bug_in_storing_ends_neither_the_thread_nor_the_count(
    start: Callable[..., Writer], sink: Any, make_finding: Make, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    writer = start()
    writer.offer(make_finding(picture=b"of no known kind"))
    writer.offer(make_finding(request_id="b"))
    drained(writer)
    assert sink.paths == [f"{STEM}b.jpg", f"{STEM}b.json"]
    assert counted() == {"failed_total other": 1, "stored_total": 1}
    assert "could not be stored" in caplog.text
