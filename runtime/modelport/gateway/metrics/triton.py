"""Triton's own metrics, `nv_*`, handed on at the end of ours.

In Prometheus' text format they are handed on line by line as they came. OpenMetrics wants counters to be named
`…_total`, which Triton's are not; renaming them would break every dashboard written for Triton, and a series would have
two names depending on the format that a scraper negotiates. So they keep their names and are declared `unknown` there,
which tells the truth and costs a query nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from urllib.parse import urlsplit

from modelport.gateway.http import BadAnswer, Client

log = logging.getLogger(__name__)

SECONDS = 1.0
"""A scrape waits for Triton no longer, since Prometheus itself gives up after ten."""

OURS = re.compile(r"(?:# (?:HELP|TYPE) )?nv_")
COUNTER = re.compile(r"(# TYPE \S+) counter$")
BOUND = re.compile(r'\b(le|quantile)="([^"]*)"')


async def fetch_triton_metrics(url: str) -> str | None:
    """Triton's `nv_*` as Prometheus text; None where Triton does not answer. `url` is an `http://HOST:PORT/PATH`."""
    try:
        where = urlsplit(url)
        with closing(Client(where.hostname or "", where.port or 80)) as client:
            async with asyncio.timeout(SECONDS):
                answer = await client.get(where.path, {"Connection": "close"})
        text = answer.body.decode()
    except (OSError, BadAnswer, ValueError) as error:
        log.debug("Triton's metrics at %s cannot be read: %r", url, error)  # modelport_triton_up says it to people
        return None
    if answer.status != HTTPStatus.OK:
        return None
    return "".join(f"{line}\n" for line in text.splitlines() if OURS.match(line))


def as_openmetrics(text: str) -> str:
    """Prometheus text of Triton's as OpenMetrics, without the closing `# EOF`."""
    return "".join(f"{line}\n" for line in _openmetrics_lines(text))


def _openmetrics_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("#"):
            yield COUNTER.sub(r"\1 unknown", line)
        else:
            yield BOUND.sub(_canonical, line)


def _canonical(bound: re.Match[str]) -> str:
    """OpenMetrics writes a bound as a float: `le="1.0"`, where Triton writes `le="1"`."""
    label, value = bound.groups()
    return bound.group() if value == "+Inf" else f'{label}="{float(value)!r}"'
