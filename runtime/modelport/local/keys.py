"""Keys on one machine: `MODEL:NAME:KEY` lines, from the user's file or made once and kept.

--keys FILE, or STATE/keys ──► Key ──► KeyDigests (api.serving); the value itself goes no further
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modelport.api import KeyDigest, KeyDigests, PublishedModel, model_name
from modelport.api.keys import bury_removed, declared_keys, digest_of, generate_key
from modelport.local.errors import ServeError, UsageError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one model."""

    model: str
    """The model's name in addresses."""
    name: str
    value: str

    def __repr__(self) -> str:
        """Leave the value out: reprs end in logs."""
        return f"Key({self.model}:{self.name})"


def parse_keys(text: str, where: str) -> list[Key]:
    """Read `MODEL:NAME:KEY` lines; empty lines and those that begin with `#` say nothing.

    Raises UsageError that names the line, never the key.
    """
    keys: list[Key] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        model, name, value = [*line.split(":", 2), "", ""][:3]
        if not (model and name and value):
            raise UsageError(f"{where}, line {number}: expected MODEL:NAME:KEY")
        if not value.isascii() or not value.isprintable() or " " in value:
            raise UsageError(
                f"{where}, line {number}: a key is printable ASCII without spaces, since it is sent in a header"
            )
        for fact in (("the key", value), ("the name", model, name)):
            first = seen.setdefault(fact, number)
            if first != number:
                raise UsageError(f"{where}, line {number}: {fact[0]} is that of line {first}; each needs its own")
        keys.append(Key(model, name, value))
    return keys


def format_keys(keys: Iterable[Key]) -> str:
    """Write what `parse_keys` reads."""
    header = "# MODEL:NAME:KEY, made by modelport serve. A line that is deleted is made anew with another key.\n"
    return header + "".join(f"{key.model}:{key.name}:{key.value}\n" for key in keys)


def read_keys(path: Path) -> list[Key]:
    """Read a file of keys; raise ServeError if it cannot be read."""
    try:
        return parse_keys(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise ServeError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ServeError(f"{path}: is not UTF-8 text") from error


def generate_keys(resources: Iterable[PublishedModel], known: Sequence[Key]) -> list[Key]:
    """Return `known` with a new key for each that is declared and missing, and without those no longer declared.

    Keys of models that are not served now are kept: another manifest may bring the model back.
    """
    declared = {
        model_name(resource): [key.name for key in declared_keys(resource) if key.secret_ref is None]
        for resource in resources
    }
    kept = [key for key in known if key.model not in declared or key.name in declared[key.model]]
    have = {(key.model, key.name) for key in kept}
    made = [
        Key(model, name, generate_key())
        for model, names in declared.items()
        for name in names
        if (model, name) not in have
    ]
    return [*kept, *made]


def secret_keys(resource: PublishedModel, folder: Path | None) -> list[Key]:
    """Read the keys that `spec.access.keys[].secretRef` names, from FOLDER/SECRET/ENTRY."""
    keys = []
    for index, declared in enumerate(resource.spec.access.keys):
        if declared.secret_ref is None:
            continue
        where = f"{resource.metadata.name}: spec.access.keys[{index}].secretRef"
        if folder is None:
            raise UsageError(f"{where}: name the folder of secrets by --secrets DIR")
        path = folder / declared.secret_ref.name / declared.secret_ref.key
        try:
            value = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ServeError(f"{where}: {path} cannot be read") from error
        if not value:
            raise ServeError(f"{where}: {path} is empty")
        keys.append(Key(model_name(resource), declared.name, value))
    return keys


def refuse_doubled(keys: Iterable[Key]) -> None:
    """Raise UsageError if two models or names share a value: some APIs tell the model by its key alone."""
    seen: dict[str, Key] = {}
    for key in keys:
        first = seen.setdefault(key.value, key)
        if first is not key:
            raise UsageError(
                f"{key.model}:{key.name} and {first.model}:{first.name} have the same key; each needs its own"
            )


def build_digests(
    resource: PublishedModel, keys: Sequence[Key], previous: KeyDigests | None, now: datetime
) -> KeyDigests:
    """Return what the gateway is told of a model's keys.

    A key that `previous` has and `keys` has not is revoked: it stays as a tombstone of its digest for 90 days.
    """
    expires: Mapping[str, datetime | None] = {key.name: key.expires for key in declared_keys(resource)}
    live = [
        KeyDigest(name=key.name, sha256=digest_of(key.value), expires=expires.get(key.name))
        for key in keys
        if key.model == model_name(resource)
    ]
    return bury_removed(live, previous, now)
