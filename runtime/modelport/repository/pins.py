"""Which files a Pod takes: those that the first Pod with the same settings found, whatever the source holds by now.

    first Pod's fetch ──► last words ──► the operator, in the resource's status ──► pins.json ──► later Pods' fetch

Pins hold for one resource file alone. While a change is rolled out, Pods of the settings before may start again; what
the new ones found is not theirs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Self

from modelport.api import PublishedModel
from modelport.errors import ModelportError


class InvalidPins(ModelportError):
    """A file of pins that cannot be read as such."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What `pins.json` says. Members that it has besides these are a later release's."""

    config: str = ""
    """For which resource file: how the hexadecimal SHA-256 of its bytes begins. Empty: for none."""
    version: int | None = None
    """Newest version that was found."""
    digest: str | None = None
    """Of the files that were fetched, `sha256:…`: of a folder of version folders those of the versions to load."""
    serving: tuple[int, ...] = ()
    """All versions that were found."""

    @classmethod
    def parse_json(cls, text: bytes, where: str) -> Self:
        """Read the file's content; raise InvalidPins, which names `where`, if it is no such document."""
        try:
            told: Any = json.loads(text)
            config, version, digest = (told.get(name) for name in ("config", "version", "digest"))
            serving = tuple(map(int, told.get("serving", ())))
            return cls(config or "", None if version is None else int(version), digest, serving)
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidPins(f"{where}: expected an object with config, version and digest") from error

    def in_force(self, resource_file: bytes) -> Self:
        """Return what of them holds for the settings in this file."""
        return self if self._hold_for(resource_file) else type(self)()

    def tell_of_earlier(self, resource_file: bytes) -> bool:
        """Tell whether Pods of these settings, or of the ones that follow them, have been made already."""
        return self.digest is not None if self._hold_for(resource_file) else bool(self.config)

    def _hold_for(self, resource_file: bytes) -> bool:
        return bool(self.config) and hashlib.sha256(resource_file).hexdigest().startswith(self.config)


def pin(resource: PublishedModel, pins: Pins) -> PublishedModel:
    """Return the resource with the versions that were found before, where its policy leaves open which."""
    spec = resource.spec
    versions = spec.model.versions
    found = pins.serving
    if versions.policy == "Latest" and pins.version is not None:
        found = (pins.version,)
    if found and versions.policy != "Specific":
        versions = versions.model_copy(update={"policy": "Specific", "specific": found})
    model = spec.model.model_copy(update={"versions": versions})
    return resource.model_copy(update={"spec": spec.model_copy(update={"model": model})})
