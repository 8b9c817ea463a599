"""What the gateway is told: options once at start, and the serving configuration, which may change at any time.

The serving configuration is a folder (`modelport.api.serving` says of what). It is read as a whole and compared by
content, so it does not matter how a change arrives: a ConfigMap's swap of `..data`, an editor's rename, a plain write.
A file that cannot be used never takes the others down: what it last said stays in force, and the problem is told.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from modelport.api import InvalidManifest, KeyDigests, ServedModel, model_name
from modelport.api.live import LiveSettings, join
from modelport.api.names import GATEWAY_PORT, METRICS_PORT, TRITON_GRPC_PORT
from modelport.api.serving import Document
from modelport.errors import ModelportError

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Each of them ends the gateway in good order."""
POLL_SECONDS = 1.0
"""Between two looks at the folder: some small files, read again in far less time than a millisecond each."""


class ConfigError(ModelportError):
    """A serving configuration without which the gateway cannot start."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One gateway process, as its command line has it; made once in `__main__` and passed down."""

    config: Path
    """Folder of the serving configuration."""
    triton: str = f"127.0.0.1:{TRITON_GRPC_PORT}"
    """Triton's gRPC address, HOST:PORT; beside the gateway in its Pod by default."""
    triton_http: str | None = None
    """Triton's HTTP address, the shorter way for inferences. None: they go by gRPC."""
    triton_metrics: str | None = None
    """URL of Triton's own metrics, to pass them on. None: they are not."""
    repository: Path | None = None
    """Triton's model repository, in a Pod, where the gateway has Triton load the versions that can be loaded when
    another one cannot. None: who loads the models sees to that."""
    host: str = "0.0.0.0"  # noqa: S104  in a Pod the Service must reach it
    """Address to listen on; all of IPv4 by default."""
    port: int = GATEWAY_PORT
    """Port of the models' APIs; 0 lets the kernel choose."""
    metrics_port: int = METRICS_PORT
    """Port of health and metrics, which an Ingress does not lead to."""
    workers: int = 1
    """Processes that share the port. One is enough where the model is the work; each more takes 85 MB."""
    worker_index: int = 0
    """Which of them this is, from 0. The first one keeps the accounts that only one may keep."""
    root_pid: int = 0
    """Process whose tree's CPU and memory are counted outside of a container; 0 for this one. `modelport serve` names
    its own, so that Triton is in it."""
    log_format: str = "text"
    """`text` for people, `json` for machines."""
    usage: Path | None = None
    """Folder in which the use of Serverless models is kept over restarts. None: it is counted until the end."""
    secrets: Path | None = None
    """Folder of the Secrets that sinks of flagged pictures name, SECRET/ENTRY. None: there are none."""
    folder_sinks: bool = False
    """Flagged pictures may be stored in folders of this machine; not in a Pod, whose files end with it."""
    allow_loopback_images: bool = False
    """Pictures named by URL may come from this machine; for tests."""
    drain_seconds: float = 30.0
    """Longest time in seconds for requests in flight after SIGTERM; a Pod has 30 by default."""


PARTS: Mapping[str, type[Document]] = {"models": ServedModel, "keys": KeyDigests, "live": LiveSettings}
"""The folders, and what is in the files of each."""


@dataclass(frozen=True, slots=True)
class ServingConfig:
    """A snapshot of the serving configuration."""

    models: Mapping[str, ServedModel] = field(default_factory=dict)
    """By the name in URLs."""
    keys: Mapping[str, KeyDigests] = field(default_factory=dict)
    """By the same name; a model without an entry has no keys."""
    problems: tuple[str, ...] = ()
    """A sentence for each file that could not be used."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What was read, by path below the folder."""
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False)
    """What each file says, or last said when it could be read."""


def read_config(folder: Path, last: ServingConfig | None = None) -> ServingConfig:
    """Read the folder. `last` is what is in force now, and is returned itself where nothing has changed.

    A file that cannot be used keeps its document of `last`. Raises ConfigError if the folder cannot be read at all.
    """
    files = dict(_files(folder))
    if last is not None and files == last.files:
        return last
    before = last.documents if last is not None else {}
    documents: dict[str, Document] = {}
    problems = []
    for path, content in files.items():
        try:
            documents[path] = _parse(path, content)
        except InvalidManifest as error:
            problems.append(str(error))
            if path in before:
                documents[path] = before[path]
    joined = _with_live(documents, before, problems)
    return _by_name(files, documents, joined, problems)


async def watch_config(
    folder: Path, on_change: Callable[[ServingConfig], None], last: ServingConfig | None = None
) -> None:
    """Look at the folder every POLL_SECONDS and hand each new snapshot to `on_change`. Runs until it is cancelled.

    `last` is the snapshot already in force; without it the first look always calls back.
    """
    lost = False
    while True:
        try:
            config = await asyncio.to_thread(read_config, folder, last)
        except ConfigError as error:
            if not lost:
                log.warning("%s; what it last said stays in force", error)
            lost = True
        else:
            lost = False
            if config is not last:
                _tell(config.problems, last.problems if last is not None else ())
                last = config
                on_change(config)
        await asyncio.sleep(POLL_SECONDS)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read the files of each part, by path below the folder, in order.

    Hidden ones are not ours: Kubernetes keeps its versions in `..data`, editors their drafts in `.name.swp`.
    """
    if not (folder / "models").is_dir():
        raise ConfigError(f"{folder}: expected a folder with a folder `models` in it, found none")
    for part in PARTS:
        for path in sorted((folder / part).glob("[!.]*.json")):
            try:
                yield f"{part}/{path.name}", path.read_bytes()
            except FileNotFoundError:  # swapped away between the two calls; the next look sees what came instead
                continue
            except OSError as error:
                raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(path: str, content: bytes) -> Document:
    document = _read(PARTS[path.partition("/")[0]], path, content)
    if isinstance(document, ServedModel) and path != f"models/{document.resource.metadata.name}.json":
        name = document.resource.metadata.name
        raise InvalidManifest(path, [f"metadata.name: expected the file's name, got {name}"])
    return document


def _read(kind: type[Document], path: str, content: bytes) -> Document:
    """Parse a file; the problems name places and never values, which in a file of keys might be keys."""
    try:
        return kind.parse_json(content, path)
    except InvalidManifest as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        details = error.__cause__.errors(include_url=False, include_context=False, include_input=False)
        problems = [f"{'.'.join(str(part) for part in each['loc']) or 'document'}: {each['msg']}" for each in details]
        raise InvalidManifest(path, problems) from None


def _with_live(
    documents: dict[str, Document], before: Mapping[str, Document], problems: list[str]
) -> dict[str, ServedModel]:
    """Return each model, by the path of its file, joined with its live half.

    A live half that does not fit is told, and the one before it takes its place, in `documents` too.
    """
    models = {path: document for path, document in documents.items() if isinstance(document, ServedModel)}
    for path, served in models.items():
        live_path = path.replace("models/", "live/", 1)
        if live_path not in documents:
            continue
        for live in (documents[live_path], before.get(live_path)):
            if not isinstance(live, LiveSettings):
                continue
            try:
                models[path] = _join(served, live)
            except InvalidManifest as error:
                problems += [f"{live_path}: does not fit the model: {problem}" for problem in error.problems]
            else:
                documents[live_path] = live
                break
    return models


def _join(served: ServedModel, live: LiveSettings) -> ServedModel:
    """Return a model with its live half; labels of the manifest are live, those of a file beside the model are not."""
    resource = join(served.resource, live.spec)
    return served.model_copy(update={"resource": resource, "labels": resource.spec.io.labels or served.labels})


def _by_name(
    files: Mapping[str, bytes],
    documents: Mapping[str, Document],
    joined: Mapping[str, ServedModel],
    problems: list[str],
) -> ServingConfig:
    models: dict[str, ServedModel] = {}
    keys: dict[str, KeyDigests] = {}
    for path, served in joined.items():
        name = model_name(served.resource)
        if name in models:
            first = models[name].resource.metadata.name
            problems.append(f"{path}: spec.model.name: {name} is the name of {first} already, so it is not served")
            continue
        models[name] = served
        digests = documents.get(path.replace("models/", "keys/", 1))
        if isinstance(digests, KeyDigests):
            keys[name] = digests
    return ServingConfig(models, keys, tuple(problems), files, documents)


def _tell(problems: tuple[str, ...], known: tuple[str, ...]) -> None:
    for problem in problems:
        if problem not in known:
            log.warning("serving configuration: %s", problem)
