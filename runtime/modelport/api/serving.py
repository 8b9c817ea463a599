"""The serving configuration: what the operator or `modelport serve` writes and the gateway reads.

    FOLDER/models/NAME.json   ServedModel: the resource, what is served of it, its class labels
    FOLDER/keys/NAME.json     KeyDigests: which keys open it
    FOLDER/live/NAME.json     LiveSettings (`modelport.api.live`): takes the place of what the resource has of the same

NAME is `metadata.name`. In a Pod its own fetch writes `models/`; `keys/` is a mounted Secret, and `live/` a mounted
ConfigMap; on one machine there is no `live/`. The gateway sees no difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, ValidationError

from modelport.api.frozen import Frozen
from modelport.api.model import PublishedModel
from modelport.api.parse import InvalidManifest
from modelport.api.problems import problems_of


class Document(Frozen):
    """One file of the configuration."""

    def dump_json(self) -> str:
        """Write the file's content."""
        return json.dumps(self.to_manifest(), indent=2, ensure_ascii=False)

    @classmethod
    def parse_json(cls, text: str | bytes, where: str) -> Self:
        """Read the file's content; raise InvalidManifest with `where` if it is no such document."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidManifest(where, problems_of(error, cls)) from error


class ServedModel(Document):
    """One model as the gateway serves it."""

    resource: PublishedModel
    digest: str = ""
    """Of the model's files, for `X-Model-Digest`; empty where it is not known."""
    labels: tuple[str, ...] = ()
    """Class labels: `spec.io.labels`, or the content of the file that `spec.io.labelsFrom` names."""


class KeyDigest(Frozen):
    """One key, known by its digest alone."""

    name: str
    """As in `spec.access.keys`; metrics and logs show it in the key's place."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the key's UTF-8 bytes, in lower-case hexadecimal."""
    expires: AwareDatetime | None = None
    """From then on the key is refused as inactive."""
    revoked: AwareDatetime | None = None
    """Since then the key is refused as inactive; the entry stays for 90 days, so that the refusal can say so."""


class KeyDigests(Document):
    """The keys of one model. No key opens a model without keys, unless it is anonymous."""

    keys: tuple[KeyDigest, ...] = ()


def model_file(folder: Path, name: str) -> Path:
    """Return the place of a model's ServedModel."""
    return folder / "models" / f"{name}.json"


def keys_file(folder: Path, name: str) -> Path:
    """Return the place of a model's KeyDigests."""
    return folder / "keys" / f"{name}.json"


def live_file(folder: Path, name: str) -> Path:
    """Return the place of a model's LiveSettings."""
    return folder / "live" / f"{name}.json"
