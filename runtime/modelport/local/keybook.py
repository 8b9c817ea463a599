"""Which keys open which model now, written where the gateway reads it."""

from __future__ import annotations

import logging
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from modelport.api import InvalidManifest, KeyDigests, PublishedModel, model_name
from modelport.api.keys import declared_keys
from modelport.api.serving import keys_file
from modelport.local.keys import (
    Key,
    build_digests,
    format_keys,
    generate_keys,
    read_keys,
    refuse_doubled,
    secret_keys,
)
from modelport.local.state import State, write_file

log = logging.getLogger(__name__)


@dataclass(slots=True)
class KeyBook:
    """Keys from `--keys FILE` and `--secrets DIR`, or generated ones in the state folder."""

    state: State
    file: Path | None
    """The user's own; None to generate."""
    secrets: Path | None
    keys: list[Key] = field(default_factory=list)
    """In force."""

    def apply(self, resources: Sequence[PublishedModel]) -> None:
        """Read the keys again and write the digests; raise ServeError, and leave all as it was, if they are wrong."""
        keys = read_keys(self.file) if self.file else self._generated(resources)
        keys += [key for resource in resources for key in secret_keys(resource, self.secrets)]
        refuse_doubled(keys)
        now = datetime.now(UTC)
        for resource in resources:
            path = keys_file(self.state.serving, resource.metadata.name)
            previous = _previous(path)
            digests = build_digests(resource, keys, previous, now)
            if digests != previous:
                write_file(path, digests.dump_json())
        self.keys = keys

    def first_of(self, resource: PublishedModel) -> Key | None:
        """Return a key that opens the model, or None where none is needed or there is none."""
        if resource.spec.access.anonymous:
            return None
        return next((key for key in self.keys if key.model == model_name(resource)), None)

    def warn(self, resources: Sequence[PublishedModel]) -> None:
        """Tell what in the user's file is not as it seems meant."""
        if self.file is None:
            return
        if self.file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            log.warning("%s can be read by others on this machine; chmod 600 it", self.file)
        served = {model_name(resource) for resource in resources}
        for model in sorted({key.model for key in self.keys} - served):
            log.warning("%s has keys for %s, and no model of that name is served", self.file, model)
        have = {(key.model, key.name) for key in self.keys}
        for resource in resources:
            for declared in declared_keys(resource):
                if (model_name(resource), declared.name) not in have:
                    log.warning("%s has no key %s for model %s", self.file, declared.name, model_name(resource))

    def _generated(self, resources: Sequence[PublishedModel]) -> list[Key]:
        known = read_keys(self.state.keys) if self.state.keys.exists() else []
        keys = generate_keys(resources, known)
        for key in known:
            if key not in keys:
                log.warning("key %s of model %s is not in its manifest any more and is revoked", key.name, key.model)
        if keys != known:
            write_file(self.state.keys, format_keys(keys))
        return keys


def _previous(path: Path) -> KeyDigests | None:
    with suppress(FileNotFoundError, InvalidManifest):
        return KeyDigests.parse_json(path.read_bytes(), str(path))
    return None
