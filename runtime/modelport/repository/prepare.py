"""From a PublishedModel to a folder that Triton can load.

    fetch ─► inspect ─► lint ─► publish

`modelport serve`, `modelport check` and the Pod's init container all go this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from modelport.api import PublishedModel
from modelport.repository.cache import Cache, Fetched
from modelport.repository.capabilities import Capabilities
from modelport.repository.convert import convert
from modelport.repository.fetch import fetch
from modelport.repository.inspect import Inspected, inspect
from modelport.repository.lint import Unservable, lint
from modelport.repository.progress import Progress, silent
from modelport.repository.publish import Published, publish
from modelport.repository.runners import FOLDER as RUNNERS
from modelport.repository.selection import Selection
from modelport.repository.triton_config import format_config


def check(
    resource: PublishedModel,
    *,
    cache: Cache,
    capabilities: Capabilities,
    digest: str | None = None,
    credentials: Mapping[str, str] = {},
    progress: Progress = silent,
) -> tuple[Fetched, Inspected]:
    """Fetch a model and hold it against its manifest and Triton, without laying anything out.

    A digest in the manifest is that of the whole source, which is fetched to be held against it; `digest` is that of
    the versions to load.

    Raises:
        FetchError: it cannot be had.
        InvalidModel: it cannot be served; `lint.Unservable` where it can be read, with every problem.
    """
    source = resource.spec.model.source
    fetched = fetch(
        source.uri,
        cache=cache,
        digest=source.digest or digest,
        select=Selection(resource.spec.model.versions) if source.digest is None else None,
        credentials=credentials,
        progress=progress,
    )
    model = inspect(resource, fetched.path, capabilities, partial(convert, cache=cache, digest=fetched.digest))
    if problems := lint(model):
        raise Unservable(problems)
    return fetched, model


def prepare(
    resource: PublishedModel,
    *,
    target: Path,
    cache: Cache,
    capabilities: Capabilities,
    digest: str | None = None,
    credentials: Mapping[str, str] = {},
    progress: Progress = silent,
) -> Published:
    """Fetch a model, check it, and lay it out below `target`, Triton's model repository; `digest` as for `check`.

    Raises:
        FetchError, InvalidModel: as `check` does.
        PublishError: `target` cannot be written.
    """
    fetched, model = check(
        resource,
        cache=cache,
        capabilities=capabilities,
        digest=digest,
        credentials=credentials,
        progress=progress,
    )
    files = model_files(model)
    home, changed = publish(target, model.config.name, files, format_config(model.config))
    return Published(
        name=model.config.name,
        path=home,
        versions=tuple(model.versions),
        digest=fetched.digest,
        bytes=sum(path.stat().st_size for signature in model.versions.values() for path in signature.files.values()),
        labels=model.labels,
        signature=model.newest,
        changed=changed,
    )


def model_files(model: Inspected) -> dict[str, Path]:
    """Return every file of the model's folder but config.pbtxt, and where each lies now."""
    files = {
        f"{number}/{name}": path
        for number, signature in model.versions.items()
        for name, path in signature.files.items()
    }
    if model.backend is not None and model.backend.runner is not None:
        files |= {f"{number}/model.py": RUNNERS / model.backend.runner for number in model.versions}
    if model.resource.spec.model.format == "TritonRepository":
        files |= model.layout.common()
    return files
