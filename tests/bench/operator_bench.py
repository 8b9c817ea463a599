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
from collections.abc import Mapping, Sequence
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
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

RSS_CEILING = 250 * 2**20
"""Bytes resident with all resources, above which the bench fails."""
BESIDE_CEILING = 1.0
"""Seconds that a change may take beside those of others, in the median."""
READY_SECONDS = 600.0
STALL_SECONDS = 30.0
"""Without a call of an operator that has not brought up all; also from a change to the status that tells of it."""
LOOK_SECONDS = 3.0
"""Between two looks at whether all are Ready: a look costs the API server some of its time."""
QUIET_SECONDS = 5.0
"""Without a call, after which the operator counts as idle."""
BUSY_MODELS = 10
"""Resources that are changed all the time while another one is timed."""
IN_FLIGHT = 16
"""Calls of the bench at a time."""


class BenchFailed(Exception):
    """What was to be measured did not happen; the message says what did."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operator has used so far."""

    calls: int
    """To the API server, by its own metric."""
    cpu_seconds: float
    rss: int
    """Bytes resident."""


@dataclass(frozen=True, slots=True)
class Told:
    """Seconds that one change of a resource took."""

    taken: float
    """Until the API server had taken it."""
    told: float
    """Until the status told of it."""


@dataclass(frozen=True, slots=True)
class Changing:
    """One resource beside many that change all the time."""

    others: int
    """Resources that change."""
    rate: float
    """Changes a second of all of them together, as the API server took them."""
    alone: Sequence[Told]
    """Changes of the one, with nothing else to do."""
    beside: Sequence[Told]
    """The same, beside the others' changes."""


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
    programs: Mapping[str, float]
    """CPU seconds of each program until then, the operator's beside those of the control plane."""
    writes: Mapping[str, int]
    """Of the operator until then, by the server's audit log: verb and kind → how many."""
    idle_seconds: float
    idle: Usage
    """After that time without any change."""
    changing: Changing


class Api:
    """The API server, as the administrator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """Return the JSON of an answer; raises aiohttp's ClientResponseError."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type, "Accept": accept}
        async with self._session.request(method, path, data=data, headers=headers) as answer:
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
    parser.add_argument("--idle", type=float, default=60, help="seconds to look at it idle (default: %(default)s)")
    parser.add_argument("--busy", type=float, default=30, help="seconds of changes (default: %(default)s)")
    parser.add_argument("--print", action="store_true", help="print the page without writing it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        programs = Path(os.environ["KUBEBUILDER_ASSETS"])
        with start_cluster(programs, Path(folder), [CRD]) as cluster:
            try:
                measured = asyncio.run(measure(cluster, args))
            except (BenchFailed, aiohttp.ClientError, TimeoutError) as error:
                tell(f"the bench has failed: {type(error).__name__}: {error}")
                return 1
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
            api, start, programs = Api(session), usage(operator), cpu_by_program()
            tell(f"creating {args.models} resources")
            created, ready = await publish(api, operator, args.models)
            tell(f"all Ready after {ready:.0f} s")
            await until_quiet(operator)
            busy, writes = usage(operator), count_writes(cluster)
            used = {name: seconds - programs[name] for name, seconds in cpu_by_program().items()}
            tell(f"idle for {args.idle:g} s")
            await asyncio.sleep(args.idle)
            idle = usage(operator)
            tell("changes")
            others = min(BUSY_MODELS, args.models // 2)
            alone = await time_changes(api, others, args.busy / 3)
            changes = asyncio.create_task(change_others(api, others, args.busy))
            await asyncio.sleep(1)
            beside = await time_changes(api, others, args.busy - 2)
            changing = Changing(others, await changes, alone, beside)
            return Measured(args.models, created, ready, start, busy, used, writes, args.idle, idle, changing)


def connect(cluster: Cluster) -> aiohttp.ClientSession:
    """Open connections as the administrator."""
    token = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"]["token"]
    trust = ssl.create_default_context(cafile=str(cluster.folder / "apiserver.crt"))
    return aiohttp.ClientSession(
        cluster.url,
        headers={"Authorization": f"Bearer {token}"},
        connector=aiohttp.TCPConnector(ssl=trust, limit=IN_FLIGHT),
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


async def publish(api: Api, operator: OperatorProcess, count: int) -> tuple[float, float]:
    """Create resources; return the seconds until all were there, and until all were Ready."""
    began = time.monotonic()
    await asyncio.gather(*(api.call("POST", MODELS, model(index)) for index in range(count)))
    created = called = time.monotonic() - began
    calls, tenths = 0, 0
    while (ready := (await states(api))["True"]) < count:
        now = time.monotonic() - began
        if (made := usage(operator).calls) != calls:
            calls, called = made, now
        if now > READY_SECONDS or now - called > STALL_SECONDS:
            told = ", ".join(f"{number} {state or 'untold'}" for state, number in (await states(api)).items())
            raise BenchFailed(f"after {now:.0f} s, and {now - called:.0f} s without a call of the operator: {told}")
        if ready * 10 // count > tenths:
            tenths = ready * 10 // count
            tell(f"{ready} Ready after {now:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)
    return created, time.monotonic() - began


async def states(api: Api) -> Counter[str]:
    """Return how many resources are Ready: `True`, `False` or not told of.

    It asks for the column that `kubectl get` prints. Whole, a thousand resources are an answer of so many bytes that a
    busy machine may take longer for it than the minute after which the API server breaks off.
    """
    found = await api.call("GET", f"{MODELS}?resourceVersion=0&includeObject=None", accept=TABLE)
    column = [each["name"] for each in found["columnDefinitions"]].index("READY")
    return Counter(row["cells"][column] or "" for row in found["rows"])


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


def cpu_by_program() -> dict[str, float]:
    """Return the CPU seconds that each child of this process has used so far, and this process, by their names."""
    found: Counter[str] = Counter()
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        name = {own.pid: "this bench"}.get(process.pid, process.name())
        found[name if not name.startswith("python") else "operator"] += sum(process.cpu_times()[:2])
    return found


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


async def time_changes(api: Api, others: int, seconds: float) -> list[Told]:
    """Change one resource again and again; return how long each change took."""
    name, found = f"model-{others:04}", []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        generation = await api.patch(name, {"access": {"rateLimit": {"requestsPerSecond": 200 + len(found)}}})
        taken = time.monotonic() - began
        while (await api.call("GET", f"{MODELS}/{name}"))["status"]["observedGeneration"] < generation:
            if time.monotonic() - began > STALL_SECONDS:
                raise BenchFailed(f"after {STALL_SECONDS:g} s the status of {name} did not tell of a change")
            await asyncio.sleep(0.02)
        found.append(Told(taken, time.monotonic() - began))
        await asyncio.sleep(1)
    return found


async def change_others(api: Api, others: int, seconds: float) -> float:
    """Change other resources in turn, at `BUSY_RATE` all together; return the rate that was reached."""
    began, made = time.monotonic(), 0
    tasks: set[asyncio.Task[Any]] = set()
    while time.monotonic() - began < seconds:
        limit = {"access": {"rateLimit": {"requestsPerSecond": 1000 + made}}}
        while len(tasks) >= others:  # a server that cannot keep up is asked no more often than it answers
            _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks.add(asyncio.create_task(api.patch(f"model-{made % others:04}", limit)))
        made += 1
        await asyncio.sleep(max(0.0, began + made / operator_page.BUSY_RATE - time.monotonic()))
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
    if (beside := statistics.median(each.told for each in measured.changing.beside)) > BESIDE_CEILING:
        found.append(f"a change beside others takes {beside:.1f} s")
    return found


if __name__ == "__main__":
    sys.exit(main())
