"""One flagged picture, and the two files that are stored of it: the picture, and beside it what was said."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from PIL import Image

from modelport.api.evaluation import Evaluation
from modelport.gateway.codecs.json import dumps
from modelport.gateway.codecs.kinds import kind_of
from modelport.gateway.formats.base import JSON, Flagged


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A flagged picture, and how it came about."""

    flagged: Flagged
    evaluation: Evaluation
    """In force when it was flagged; it says what the picture was held against, and where it goes."""
    model: str
    version: str
    digest: str
    """Of the model's files; empty where it is not known."""
    request_id: str
    time: datetime
    """In UTC."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        picture = self.flagged.picture
        return len(self.flagged.answer) + (len(picture) if isinstance(picture, bytes) else picture.nbytes)


@dataclass(frozen=True, slots=True)
class File:
    """A file to be stored."""

    path: str
    """Below the sink, with its upload group: `night/20261122T165047.123456Z-9f3a.jpg`."""
    content: bytes
    content_type: str


def build_files(finding: Finding) -> list[File]:
    """Return the picture and its record, once for each upload group; a record comes after its picture.

    Pixels become a PNG file, which takes a while for a large picture.
    """
    picture = _file(finding.flagged)
    ending, content_type = _KINDS[kind_of(picture)]
    stem = f"{finding.time:%Y%m%dT%H%M%S.%fZ}-{finding.request_id.replace(':', '_')}"
    record = dumps(_record(finding, f"{stem}{ending}"))
    return [
        file
        for group in finding.evaluation.upload_groups or ("",)
        for file in (
            File(f"{group}/{stem}{ending}".lstrip("/"), picture, content_type),
            File(f"{group}/{stem}.json".lstrip("/"), record, JSON),
        )
    ]


def _record(finding: Finding, picture: str) -> Mapping[str, object]:
    return {
        "picture": picture,
        "model": finding.model,
        "version": finding.version,
        "digest": finding.digest,
        "requestId": finding.request_id,
        "time": finding.time.isoformat().replace("+00:00", "Z"),
        "strategy": finding.evaluation.strategy,
        "score": finding.flagged.score,
        "threshold": finding.evaluation.threshold,
        "answer": orjson.Fragment(finding.flagged.answer),
    }


def _file(flagged: Flagged) -> bytes:
    if isinstance(flagged.picture, bytes):
        return flagged.picture
    file = io.BytesIO()
    Image.fromarray(flagged.picture).save(file, "PNG")
    return file.getvalue()


_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "PNG": (".png", "image/png"),
    "JPEG": (".jpg", "image/jpeg"),
    "GIF": (".gif", "image/gif"),
    "BMP": (".bmp", "image/bmp"),
    "TIFF": (".tif", "image/tiff"),
    "DICOM": (".dcm", "application/dicom"),
}
"""A picture's ending and media type, by the kind of its file; these are all that a model is ever given."""
