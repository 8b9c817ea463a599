"""Lay a model out as Triton takes it: `TARGET/NAME/config.pbtxt` and `TARGET/NAME/VERSION/…`.

The new folder grows under a hidden name and takes the old one's place in one step, so that nobody ever sees half a
model, however a run ends, and versions that are no longer wanted are gone with the old folder. Files are hard links to
the cache where the disk allows, else copies. What is published already is left alone: Triton need not load it again.
The folder that was replaced is kept aside until the next publication, for `restore` where Triton refuses the new one.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelport.errors import ModelportError
from modelport.repository.formats.base import ModelSignature
from modelport.repository.layout import CONFIG

RECORD = ".published"
"""What the folder was made from; Triton does not look at it."""
AT_FDCWD = -100
RENAME_EXCHANGE = 2


class PublishError(ModelportError):
    """A target folder that cannot be written."""


@dataclass(frozen=True, slots=True)
class Published:
    """A model that lies ready for Triton."""

    name: str
    """As Triton and addresses have it."""
    path: Path
    """Its folder."""
    versions: tuple[int, ...]
    """Those laid out, in ascending order."""
    digest: str
    """Of the source, `sha256:…`."""
    bytes: int
    """Of all files together."""
    labels: tuple[str, ...]
    """Names of the classes, from the manifest or from the file that it names; empty where there are none."""
    signature: ModelSignature
    """Of the newest version."""
    changed: bool
    """False where the folder was there already, just so."""


def publish(target: Path, name: str, files: Mapping[str, Path], config: str) -> tuple[Path, bool]:
    """Lay out `files` (path inside the model's folder: where it lies) and config.pbtxt.

    Returns the folder, and whether anything about it is new.

    Raises:
        PublishError: the target cannot be written; what was published before stays as it was.
    """
    home = target / name
    record = describe(files, config)
    if is_published(home, record, files):
        return home, False
    try:
        target.mkdir(parents=True, exist_ok=True)
        for stale in target.glob(f".{name}@*"):
            shutil.rmtree(stale)
        with tempfile.TemporaryDirectory(dir=target, prefix=f".{name}@") as staging:
            fresh = Path(staging) / name
            build(fresh, files, config, record)
            replaced = put_in_place(fresh, home)
            if replaced is not None:
                replaced.rename(previous(target, name))
    except OSError as error:
        raise PublishError(f"{target} cannot be written: {error.strerror or error}") from error
    return home, True


def restore(target: Path, name: str) -> None:
    """Put back what the last publication replaced, if it replaced anything."""
    if previous(target, name).exists():
        refused = put_in_place(previous(target, name), target / name)
        if refused is not None:
            shutil.rmtree(refused)


def previous(target: Path, name: str) -> Path:
    """Where the folder lies that the last publication replaced."""
    return target / f".{name}@previous"


def unpublish(target: Path, name: str) -> None:
    """Remove a model's folder, if there is one, in one step."""
    shutil.rmtree(previous(target, name), ignore_errors=True)
    if (target / name).exists():
        with tempfile.TemporaryDirectory(dir=target, prefix=f".{name}@") as staging:
            (target / name).rename(Path(staging) / name)


def describe(files: Mapping[str, Path], config: str) -> str:
    """Return what RECORD holds: the configuration's digest and each file's identity, size and time of change."""
    listed = {name: [(stat := path.stat()).st_ino, stat.st_size, stat.st_mtime_ns] for name, path in files.items()}
    return json.dumps({"config": hashlib.sha256(config.encode()).hexdigest(), "files": listed}, sort_keys=True)


def is_published(home: Path, record: str, files: Mapping[str, Path]) -> bool:
    """Tell whether the folder was made from these very files and holds them still."""
    if not (home / RECORD).is_file() or (home / RECORD).read_text("utf-8") != record:
        return False
    return all((home / name).is_file() for name in (CONFIG, *files))


def build(fresh: Path, files: Mapping[str, Path], config: str, record: str) -> None:
    """Fill a new folder."""
    fresh.mkdir()
    for name, source in files.items():
        place = fresh / name
        place.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(source.resolve(), place)
    (fresh / CONFIG).write_text(config, "utf-8")
    (fresh / RECORD).write_text(record, "utf-8")


def link_or_copy(source: Path, place: Path) -> None:
    """Give a file a second name, or a copy where that cannot be: another disk, another owner, too many links."""
    try:
        place.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, place)


def put_in_place(fresh: Path, home: Path) -> Path | None:
    """Give `fresh` the name `home`; return where the folder is that had it, None if none had."""
    if not home.exists():
        fresh.rename(home)
        return None
    if exchange(fresh, home):
        return fresh
    old = home.rename(fresh.with_name(f"{fresh.name}.old"))
    fresh.rename(home)
    return old


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders' names in one step; return False where the system or the disk cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)
