"""What the gateway in a Pod says of its model: causes that Kubernetes cannot see, for it only knows "not ready".

    Pod ─► http://POD_IP:9090/readyz ─► parse_readiness ─► Readiness ─► status/

A gateway may be of an older or a newer release than the operator, and whoever has got the address of a Pod that is gone
may answer in its place. So unknown fields are passed over, and what is no such answer counts as none.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final

import aiohttp
from pydantic import AfterValidator, StringConstraints, TypeAdapter, ValidationError

from modelport.api.names import METRICS_PORT
from modelport_operator.resources import Manifest
from modelport_operator.store import Key

TIMEOUT_SECONDS: Final = 2.0
"""For the whole of one question: a Pod answers within milliseconds or is not reached at all."""
MOST_BYTES: Final = 256 * 1024
"""Of an answer; one is of a few hundred."""
LONGEST_TEXT: Final = 1024
"""Characters of a reason: Triton's own may bring whole tracebacks."""
FRESH_SECONDS: Final = 5.0
"""For which an answer is not asked for again, while its Pod is as it was."""


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"


Text = Annotated[str, AfterValidator(_one_line)]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the model."""

    ready: bool
    state: Text
    """READY, LOADING, UNLOADING or UNAVAILABLE."""
    reason: Text
    """Triton's own words, where it could not be loaded."""

    @property
    def failed(self) -> bool:
        """It could not be loaded, or has died; one that was unloaded in order has not."""
        return not self.ready and self.state == "UNAVAILABLE" and self.reason not in ("", "unloaded")


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the model's flagged pictures go."""

    ok: bool
    reason: Annotated[str, StringConstraints(pattern=r"^([a-z]+(_[a-z]+)*)?$", max_length=40)] = ""
    """A word for machines, such as denied."""
    message: Text = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one gateway says of its model."""

    ready: bool
    state: Text
    """Of the newest version."""
    reason: Text
    """Why the model does not answer, or no version of it is known."""
    versions: Mapping[str, Version] = field(default_factory=dict)
    sink: Sink | None = None
    """None where the gateway has no sink to store to."""
    problems: tuple[Text, ...] = ()
    """What of its settings the gateway refuses, while it goes on with those before."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The body of `/readyz` on the metrics port."""

    ready: bool
    models: dict[str, Readiness]
    problems: tuple[Text, ...] = ()


_ANSWER = TypeAdapter(_Answer)


def parse_readiness(status: int, body: bytes, model: str) -> Readiness | None:
    """Read an answer about the model of that name in URLs; None where it is no gateway's, or another model's."""
    try:
        answer = _ANSWER.validate_json(body, strict=True)
    except ValidationError:
        return None
    told = answer.models.get(model)
    if told is None or status != (200 if answer.ready else 503):
        return None
    return Readiness(told.ready, told.state, told.reason, told.versions, told.sink, answer.problems)


async def ask_gateway(pod: Manifest, model: str, port: int = METRICS_PORT) -> Readiness | None:
    """Ask the gateway of a Pod; None where nobody answers, or not as a gateway does. Never raises."""
    address = pod.get("status", {}).get("podIP", "")
    try:
        host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                connector=aiohttp.TCPConnector(force_close=True),
                auto_decompress=False,  # a small answer must not become a large one
            ) as session,
            session.get(f"http://{host}:{port}/readyz", allow_redirects=False) as answer,
        ):
            body = b""
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
            return parse_readiness(answer.status, body, model)
    except (aiohttp.ClientError, OSError, ValueError):  # OSError: TimeoutError too; ValueError: no address
        return None


Ask = Callable[[Manifest, str], Awaitable[Readiness | None]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a Pod was asked last."""

    at: datetime
    pod: str
    """Version of the Pod then."""
    told: Readiness | None


class Gateways:
    """The gateways of all resources, each asked no more often than is worth it.

    One that does not answer this time is taken to say what it said before, so that a lost packet turns no condition.
    """

    def __init__(self, ask: Ask = ask_gateway) -> None:
        self._ask = ask
        self._known: dict[Key, dict[str, _Known]] = {}

    async def consult(self, key: Key, pods: Sequence[Manifest], model: str, now: datetime) -> Mapping[str, Readiness]:
        """Return what Pods of a resource say of its model, by their uid; who has never answered is not in it."""
        known = self._known.get(key, {})
        asked = await asyncio.gather(*(self._consult(known.get(uid_of(pod)), pod, model, now) for pod in pods))
        found = {uid_of(pod): each for pod, each in zip(pods, asked, strict=True)}
        if found:
            self._known[key] = found
        else:
            self.forget(key)
        return {uid: each.told for uid, each in found.items() if each.told is not None}

    def forget(self, key: Key) -> None:
        """Drop what is known of a resource that is gone."""
        self._known.pop(key, None)

    async def _consult(self, last: _Known | None, pod: Manifest, model: str, now: datetime) -> _Known:
        version = pod["metadata"].get("resourceVersion", "")
        if last is not None and last.pod == version and now - last.at < timedelta(seconds=FRESH_SECONDS):
            return last
        told = await self._ask(pod, model)
        return _Known(now, version, told or (last.told if last is not None else None))


def uid_of(pod: Manifest) -> str:
    """Return what tells a Pod from every other one, also from one that has its name later."""
    return str(pod["metadata"]["uid"])
