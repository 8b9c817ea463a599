"""Manifests into PublishedModels, and everything that is wrong with one in sentences that name its path.

text ── documents.py ──► object ── types ──► PublishedModel ── cel.py ──► PublishedModel that keeps its rules
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from modelport.api.cel import broken_rules
from modelport.api.documents import BadYaml, load_documents
from modelport.api.model import PublishedModel
from modelport.api.names import API_VERSION, KIND
from modelport.api.problems import problems_of, shown
from modelport.errors import ModelportError

_BOOKKEEPING = frozenset(
    {
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "managedFields",
        "ownerReferences",
        "selfLink",
    }
)
"""Fields of metadata that the API server writes and nothing here reads."""


class InvalidManifest(ModelportError):
    """A manifest that cannot be meant so, with all its problems."""

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        """Take the manifest's place (a file, a document of it) and one sentence a problem."""
        self.where = where
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{where}: {problem}" for problem in self.problems))


def parse_manifest(obj: object, *, where: str, old: PublishedModel | None = None) -> PublishedModel:
    """Read one object, as YAML or JSON gives it; raise InvalidManifest with every problem found.

    `old` is the resource that this one takes the place of: some rules are about the change. Fields that are null count
    as absent, as they do for the API server.
    """
    if not isinstance(obj, Mapping):
        raise InvalidManifest(where, [f"expected an object of kind {KIND}, got {shown(obj)}"])
    for field, expected in (("kind", KIND), ("apiVersion", API_VERSION)):
        if obj.get(field) is None:
            raise InvalidManifest(where, [f"{field}: missing, expected {expected}"])
        if obj[field] != expected:
            raise InvalidManifest(where, [f"{field}: expected {expected}, got {shown(obj[field])}"])
    try:
        plain = json.dumps(_without_nulls(_without_bookkeeping(obj)), ensure_ascii=False)
        resource = PublishedModel.model_validate_json(plain.encode())
    except ValidationError as error:
        raise InvalidManifest(where, problems_of(error, PublishedModel)) from error
    except UnicodeEncodeError as error:
        raise InvalidManifest(where, ["expected text in UTF-8, got half a surrogate pair"]) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidManifest(where, [f"expected plain JSON values: {error}"]) from error
    broken = [f"{path}: {message}" if path else message for path, message in broken_rules(resource, old)]
    if broken:
        raise InvalidManifest(where, broken)
    return resource


def parse_yaml(text: str, where: str) -> list[PublishedModel]:
    """Read every PublishedModel of a YAML text, which may hold several documents; raise InvalidManifest.

    All documents are read, so that one round shows the problems of all.
    """
    try:
        documents = load_documents(text)
    except BadYaml as error:
        raise InvalidManifest(where, [str(error)]) from error
    if not documents:
        raise InvalidManifest(where, [f"expected an object of kind {KIND}, got nothing"])
    resources: list[PublishedModel] = []
    problems: list[str] = []
    for number, document in enumerate(documents, start=1):
        try:
            resources.append(parse_manifest(document, where=where))
        except InvalidManifest as error:
            prefix = f"document {number}: " if len(documents) > 1 else ""
            problems += [prefix + problem for problem in error.problems]
    if problems:
        raise InvalidManifest(where, problems)
    return resources


def _without_bookkeeping(obj: Mapping[str, object]) -> dict[str, object]:
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        return dict(obj)
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name not in _BOOKKEEPING}}


def _without_nulls(value: object) -> object:
    match value:
        case Mapping():
            return {key: _without_nulls(content) for key, content in value.items() if content is not None}
        case list() | tuple():
            return [_without_nulls(entry) for entry in value]
        case _:
            return value
