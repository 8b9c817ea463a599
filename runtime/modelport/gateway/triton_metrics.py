"""Triton's own metrics, `nv_*`, handed on at the end of ours.

In Prometheus' text format they are handed on line by line as they came. OpenMetrics wants counters to be named
`…_total`, which Triton's are not; renaming them would break every dashboard written for Triton, and a series would have
two names depending on the format that a scraper negotiates. So they keep their names and are declared `unknown` there,
which tells the truth and costs a query nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import aiohttp

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=1.0)
"""Seconds: a scrape waits for Triton no longer, since Prometheus itself gives up after ten."""

OURS = re.compile(r"(?:# (?:HELP|TYPE) )?nv_")
COUNTER = re.compile(r"(# TYPE \S+) counter$")
BOUND = re.compile(r'\b(le|quantile)="([^"]*)"')


class TritonMetrics:
    """The metrics endpoint of one Triton."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """`url` is such as `http://127.0.0.1:8002/metrics`."""
        self._url = url
        self._session = session
        self.up = False
        """Whether the last `fetch` had an answer."""

    async def fetch(self) -> str:
        """Triton's `nv_*` as Prometheus text, empty where Triton does not answer. Never raises."""
        try:
            async with self._session.get(self._url, timeout=TIMEOUT, raise_for_status=True) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            if self.up:
                log.warning("Triton's metrics at %s cannot be read: %s", self._url, error or "no answer within 1 s")
            self.up = False
            return ""
        self.up = True
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
