"""`make bench-operator`: a thousand resources on a real API server with pretended Pods, written to docs/.

control plane, operator process ──► apply ──► idle ──► under load ──► operator_page.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import operator_page
import psutil
import yaml
from control_plane.cluster import Cluster, start_cluster
from operator_process import OperatorProcess, start_operator
from plan import tell
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
CRD = ROOT / "crds" / "publishedmodels.yaml"
PAGE = ROOT / "docs" / "benchmarks-operator.md"
MODELS = "/apis/modelport.io/v1alpha1/namespaces/default/publishedmodels"
CALLS = "modelport_operator_api_calls_total"
MERGE = "application/merge-patch+json"

RSS_CEILING = 250 * 2**20
"""Bytes resident with all resources, above which the bench fails."""
READY_SECONDS = 900.0
LOOK_SECONDS = 3.0
"""Between two looks at whether all are Ready: a look costs the API server some of its time."""
QUIET_SECONDS = 5.0
"""Without a call, after which the operator counts as idle."""
BUSY_MODELS = 10
"""Resources that are changed all the time while another one is timed."""
BUSY_RATE = 100
"""Their changes a second, in all."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operator has used so far."""

    calls: int
    """To the API server, by its own metric."""
    cpu_seconds: float
    rss: int
    """Bytes resident."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one run."""

    count: int
    """Resources."""
    created_seconds: float
    """Until the API server had taken them all."""
    ready_seconds: float
    """From the first one's creation until all were Ready."""
    start: Usage
    ready: Usage
    """When all was quiet again."""
    writes: Mapping[str, int]
    """Of the operator until then, by the server's audit log: verb and kind → how many."""
    idle_seconds: float
    idle: Usage
    """After that time without any change."""
    alone: list[float]
    """Seconds from a change to the status that tells of it, with nothing else to do."""
    beside: list[float]
    """The same, beside `BUSY_RATE` changes a second of others."""
    rate: float
    """Changes a second that were really made."""


class Api:
    """The API server, as the administrator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Return the JSON of an answer; raises aiohttp's ClientResponseError."""
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, path, data=data, headers={"Content-Type": content_type}) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def patch(self, name: str, spec: Any) -> int:
        """Change a resource; return its generation."""
        changed = await self.call("PATCH", f"{MODELS}/{name}", {"spec": spec}, MERGE)
        return int(changed["metadata"]["generation"])


def main() -> int:
    """Measure, write and print the page; 1 if the operator needs too much memory or calls while idle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000, help="resources (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=120, help="seconds to look at it idle (default: %(default)s)")
    parser.add_argument("--busy", type=float, default=30, help="seconds of changes (default: %(default)s)")
    parser.add_argument("--print", action="store_true", help="print the page without writing it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        programs = Path(os.environ["KUBEBUILDER_ASSETS"])
        with start_cluster(programs, Path(folder), [CRD]) as cluster:
            measured = asyncio.run(measure(cluster, args))
    page = operator_page.build_page(measured)
    print(page)
    if not args.print:
        PAGE.write_text(page, encoding="utf-8")
    problems = find_problems(measured)
    for problem in problems:
        tell(problem)
    return 1 if problems else 0


async def measure(cluster: Cluster, args: argparse.Namespace) -> Measured:
    """Take all measurements, one after the other."""
    log = cluster.folder / "operator.log"
    flags = ("--no-leader-election", "--log-level=info")
    with start_operator(cluster.folder / "operator.kubeconfig", log, *flags) as operator:
        async with connect(cluster) as session:
            api, start = Api(session), usage(operator)
            tell(f"creating {args.models} resources")
            created, ready = await publish(api, args.models)
            tell(f"all Ready after {ready:.0f} s")
            await until_quiet(operator)
            busy, writes = usage(operator), count_writes(cluster)
            tell(f"idle for {args.idle:g} s")
            await asyncio.sleep(args.idle)
            idle = usage(operator)
            tell("changes")
            alone = await time_changes(api, args.busy / 3)
            changes = asyncio.create_task(change_others(api, args.busy))
            await asyncio.sleep(1)
            beside = await time_changes(api, args.busy - 2)
            rate = await changes
            return Measured(args.models, created, ready, start, busy, writes, args.idle, idle, alone, beside, rate)


def connect(cluster: Cluster) -> aiohttp.ClientSession:
    """Open connections as the administrator."""
    token = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    trust = ssl.create_default_context(cafile=str(cluster.folder / "apiserver.crt"))
    return aiohttp.ClientSession(
        cluster.url,
        headers={"Authorization": f"Bearer {token}"},
        connector=aiohttp.TCPConnector(ssl=trust, limit=16),
        # Of a call itself: with a thousand of them, most wait for a connection first.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=60),
    )


def model(index: int) -> dict[str, Any]:
    """Return a resource as most are: a key, an address of its own."""
    name = f"model-{index:04}"
    spec = {
        "model": {"format": "ONNX", "source": {"uri": f"s3://models/{name}/"}},
        "access": {"ingress": {"host": f"{name}.example.com"}, "rateLimit": {"requestsPerSecond": 100}},
    }
    metadata = {"name": name}
    return {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": metadata, "spec": spec}


async def publish(api: Api, count: int) -> tuple[float, float]:
    """Create resources; return the seconds until all were there, and until all were Ready."""
    began = time.monotonic()
    await asyncio.gather(*(api.call("POST", MODELS, model(index)) for index in range(count)))
    created = time.monotonic() - began
    while (ready := await count_ready(api)) < count:
        if time.monotonic() - began > READY_SECONDS:
            raise RuntimeError(f"{ready} of {count} were Ready after {READY_SECONDS:g} s")
        await asyncio.sleep(LOOK_SECONDS)
    return created, time.monotonic() - began


async def count_ready(api: Api) -> int:
    """Return how many resources are Ready."""
    found = (await api.call("GET", f"{MODELS}?resourceVersion=0"))["items"]
    conditions = (each.get("status", {}).get("conditions", ()) for each in found)
    return sum(any(each["type"] == "Ready" and each["status"] == "True" for each in turns) for turns in conditions)


async def until_quiet(operator: OperatorProcess) -> None:
    """Wait until the operator has called nobody for a while."""
    calls = -1
    while calls != (calls := usage(operator).calls):  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(QUIET_SECONDS)


def usage(operator: OperatorProcess) -> Usage:
    """Return what the operator has used so far."""
    status, text = operator.ask("/metrics")
    if status != 200:
        raise RuntimeError(f"/metrics of the operator answers {status}")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    calls = sum(sample.value for sample in samples if sample.name == CALLS)
    process = psutil.Process(operator.pid)
    return Usage(int(calls), sum(process.cpu_times()[:2]), process.memory_info().rss)


def count_writes(cluster: Cluster) -> Counter[str]:
    """Return what the operator has written, by verb and kind, as the server's audit log has it."""
    counts: Counter[str] = Counter()
    with (cluster.folder / "audit.log").open() as lines:
        for line in lines:
            event = json.loads(line)
            if event["user"]["username"] == "operator":
                parts = (event["objectRef"]["resource"], event["objectRef"].get("subresource"))
                counts[f"{event['verb']} {'/'.join(filter(None, parts))}"] += 1
    return counts


async def time_changes(api: Api, seconds: float) -> list[float]:
    """Change one resource again and again; return the time from each change to the status that tells of it."""
    name, found = f"model-{BUSY_MODELS:04}", []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        generation = await api.patch(name, {"access": {"rateLimit": {"requestsPerSecond": 200 + len(found)}}})
        while True:
            status = (await api.call("GET", f"{MODELS}/{name}"))["status"]
            if status["observedGeneration"] >= generation:
                break
            await asyncio.sleep(0.02)
        found.append(time.monotonic() - began)
        await asyncio.sleep(0.25)
    return found


async def change_others(api: Api, seconds: float) -> float:
    """Change other resources at `BUSY_RATE`; return the rate that was reached."""
    began, made = time.monotonic(), 0
    tasks: set[asyncio.Task[Any]] = set()
    while time.monotonic() - began < seconds:
        limit = {"access": {"rateLimit": {"requestsPerSecond": 1000 + made}}}
        while len(tasks) >= BUSY_MODELS:  # a server that cannot keep up is asked no more often than it answers
            _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks.add(asyncio.create_task(api.patch(f"model-{made % BUSY_MODELS:04}", limit)))
        made += 1
        await asyncio.sleep(max(0.0, began + made / BUSY_RATE - time.monotonic()))
    await asyncio.gather(*tasks)
    return made / (time.monotonic() - began)


def find_problems(measured: Measured) -> list[str]:
    """Return why the operator is not good enough."""
    found = []
    if measured.idle.rss > RSS_CEILING:
        found.append(f"{measured.idle.rss / 2**20:.0f} MiB are resident, more than {RSS_CEILING / 2**20:.0f}")
    calls = measured.idle.calls - measured.ready.calls
    if calls > measured.idle_seconds:
        found.append(f"{calls} calls in {measured.idle_seconds:g} idle seconds")
    if statistics.median(measured.beside) > 1:
        found.append(f"a change beside others takes {statistics.median(measured.beside):.1f} s")
    return found


if __name__ == "__main__":
    sys.exit(main())
