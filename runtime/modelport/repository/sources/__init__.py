"""The schemes a model may come from, each in a module of its own, imported when a URI asks for it.

The libraries of the object stores are heavy and optional: a machine that serves from its disk needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from modelport.repository.errors import FetchError
from modelport.repository.limits import FetchLimits
from modelport.repository.sources.base import Source


@dataclass(frozen=True, slots=True)
class _Scheme:
    module: str
    install: str = ""
    """What to type when the module's library is missing."""


_SCHEMES: Mapping[str, _Scheme] = {
    "file": _Scheme("file"),
    "http": _Scheme("http"),
    "https": _Scheme("http"),
    "s3": _Scheme("s3", "pip install 'modelport[s3]'"),
    "gs": _Scheme("gs", "pip install 'modelport[gcs]'"),
    "oci": _Scheme("oci", "pip install 'modelport[oci]'"),
    "hf": _Scheme("hf", "pip install 'modelport[hf]'"),
}

_REFUSED: Mapping[str, str] = {
    "pvc": "is a volume of a cluster; on one machine name its folder, file:///…",
    **dict.fromkeys(
        ("az", "abfs", "abfss"),
        "is in Azure Blob Storage, which is not read directly; use its https URL with a signature",
    ),
}


def open_source(uri: str, credentials: Mapping[str, str], limits: FetchLimits) -> Source:
    """Find the source that a URI names. Nothing is asked of it yet."""
    name = scheme_of(uri)
    if name in _REFUSED:
        raise FetchError(uri, _REFUSED[name])
    if name not in _SCHEMES:
        raise FetchError(uri, f"has the unknown scheme {name!r}; expected one of {', '.join(sorted(_SCHEMES))}")
    scheme = _SCHEMES[name]
    try:
        module = import_module(f"{__name__}.{scheme.module}")
    except ModuleNotFoundError as error:
        raise FetchError(uri, f"needs the Python package {error.name!r}: {scheme.install}") from error
    return cast(Source, module.build_source(uri, credentials, limits))


def scheme_of(uri: str) -> str:
    """Return a URI's scheme; a plain path is a file."""
    name, colon, _ = uri.partition(":")
    return name.lower() if colon and "/" not in name else "file"
