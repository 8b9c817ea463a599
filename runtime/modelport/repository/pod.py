"""What the container `fetch` of a Pod does before Triton and the gateway start.

    resource.json ─┐                                        ┌─► REPOSITORY/NAME/…          Triton
    live.json ─────┼─► join ─► pin ─► prepare (the cache) ──┤
    pins.json ─────┘                                        └─► SERVING/models/NAME.json   the gateway

Everything may be run again: after a node's reboot the files of before are found, verified, and nothing is downloaded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from modelport.api import InvalidManifest, PublishedModel, ServedModel
from modelport.api.live import LiveSettings, join
from modelport.api.problems import problems_of
from modelport.api.serving import model_file
from modelport.api.volumes import volume_of
from modelport.errors import ModelportError
from modelport.repository.cache import Cache
from modelport.repository.capabilities import NVIDIA_IMAGE, Capabilities
from modelport.repository.errors import FetchError, WrongDigest
from modelport.repository.lint import Unservable
from modelport.repository.paths import UnsafePath, relative_path
from modelport.repository.pins import Pins, pin
from modelport.repository.prepare import prepare
from modelport.repository.progress import Progress, silent
from modelport.repository.publish import Published
from modelport.repository.sources import scheme_of
from modelport.storage.credentials import read_credentials
from modelport.storage.errors import StorageError

log = logging.getLogger(__name__)

CACHE = ".cache"
"""Below the repository: on the same disk, so that what Triton reads is a further name of what was fetched. Triton is
told which model to load and leaves it alone."""
MOUNT_POINTS = ("keys", "live")
"""Folders that other volumes are mounted on in the gateway's container, where the one around them is read-only."""


@dataclass(frozen=True, slots=True)
class PodFetch:
    """One run, as its command line has it."""

    resource: Path
    """File with the fixed half of the resource, as JSON."""
    repository: Path
    """Triton's model repository."""
    serving: Path
    """Folder of the serving configuration (`modelport.api.serving`)."""
    live: Path | None = None
    """File with the live half (`modelport.api.live`). None: there is none."""
    pins: Path | None = None
    """File of what earlier Pods found. None: this is the first."""
    secrets: Path | None = None
    """Folder of Secrets, SECRET/ENTRY."""
    volumes: Path | None = None
    """Folder of the volumes that sources lie on, VOLUMES/CLAIM. None: there are none."""
    capabilities: Capabilities = NVIDIA_IMAGE
    """What the Pod's Triton can run."""
    local_files: bool = False
    """Models may come from this machine's disk; for tests."""


class MissingFile(ModelportError):
    """A file that the Pod should have been given."""


def fetch_for_pod(options: PodFetch, progress: Progress = silent) -> Published:
    """Fetch the model, check it, lay it out and tell the gateway of it.

    Raises:
        ModelportError: it cannot be had or cannot be served.
    """
    content = _read(options.resource)
    told = Pins() if options.pins is None else Pins.parse_json(_read(options.pins), str(options.pins))
    pins = told.in_force(content)
    fixed = parse_resource(content, str(options.resource))
    _refuse_local_files(fixed, options)
    try:
        published = _prepare(_joined(fixed, options.live), pins, options, progress)
    except Unservable as error:
        # New settings must make sense in all. Those that have served go on, whatever a live change has made of them.
        if not told.tell_of_earlier(content):
            raise
        published = _prepare(fixed, pins, options, progress)
        for problem in error.problems:
            log.warning("%s", problem)
    _tell_gateway(fixed, published, options.serving)
    return published


def parse_resource(content: bytes, where: str) -> PublishedModel:
    """Read the fixed half of a resource. Its rules are about the whole, so they are not asked here.

    Raises:
        InvalidManifest: it is none; `where` names it.
    """
    try:
        return PublishedModel.model_validate_json(content)
    except ValidationError as error:
        raise InvalidManifest(where, problems_of(error, PublishedModel)) from error


def _joined(fixed: PublishedModel, live: Path | None) -> PublishedModel:
    """Return the resource as its user wrote it, or the fixed half alone where a newer live half does not fit it."""
    if live is None:
        return fixed
    try:
        return join(fixed, LiveSettings.parse_json(_read(live), str(live)).spec)
    except InvalidManifest as error:
        log.warning("the live settings are left aside: %s", error)
        return fixed


def _refuse_local_files(resource: PublishedModel, options: PodFetch) -> None:
    uri = resource.spec.model.source.uri
    if scheme_of(uri) == "file" and not options.local_files:
        raise FetchError(
            uri, "is on the disk of one machine, which a Pod does not have; use s3, gs, https, oci, hf or pvc"
        )


def _prepare(resource: PublishedModel, pins: Pins, options: PodFetch, progress: Progress) -> Published:
    name, source = resource.metadata.name, resource.spec.model.source
    place = _on_volume(source.uri, options.volumes)
    try:
        credentials = read_credentials(source.secret_ref.name if source.secret_ref else None, options.secrets)
        return prepare(
            pin(resource if place is None else _moved(resource, place), pins),
            target=options.repository,
            cache=Cache(options.repository / CACHE),
            capabilities=options.capabilities,
            digest=pins.digest,
            credentials=credentials,
            progress=progress,
        )
    except StorageError as error:
        raise FetchError(source.uri, error.problem) from error
    except FetchError as error:
        if not isinstance(error, WrongDigest) or source.digest is not None or pins.digest is None:
            raise FetchError(source.uri, error.problem) from error
        raise FetchError(
            source.uri,
            f"has other files than those that {name} was first served with ({pins.digest}); to serve the new ones:"
            f" kubectl annotate pm/{name} --overwrite modelport.io/refresh=WORD, with a new WORD",
        ) from error


def _on_volume(uri: str, volumes: Path | None) -> Path | None:
    """Return where a `pvc:` address lies; None for another one, or where no volumes are mounted."""
    named = volume_of(uri)
    if named is None or volumes is None:
        return None
    claim, path = named
    try:
        return volumes / relative_path(claim) / relative_path(path)
    except UnsafePath as error:
        raise FetchError(uri, f"cannot be read: {error}") from error


def _moved(resource: PublishedModel, place: Path) -> PublishedModel:
    """Return the resource with its model at a place of this machine."""
    source = resource.spec.model.source.model_copy(update={"uri": f"file:{quote(str(place))}"})
    model = resource.spec.model.model_copy(update={"source": source})
    return resource.model_copy(update={"spec": resource.spec.model_copy(update={"model": model})})


def _tell_gateway(fixed: PublishedModel, published: Published, serving: Path) -> None:
    """Write the ServedModel. Of labels it holds those of a file; those of the manifest are live."""
    served = ServedModel(
        resource=fixed,
        digest=published.digest,
        labels=published.labels if fixed.spec.io.labels_from is not None else (),
    )
    file = model_file(serving, fixed.metadata.name)
    for folder in (file.parent, *(serving / name for name in MOUNT_POINTS)):
        folder.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}")
    draft.write_text(served.dump_json(), "utf-8")
    draft.replace(file)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MissingFile(f"{path} cannot be read: {error.strerror}") from error
