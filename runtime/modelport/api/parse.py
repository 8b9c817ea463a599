"""Manifests into PublishedModels, and every problem with one as a sentence that names its path."""

from __future__ import annotations

import json
from collections.abc import Iterable

import yaml
from pydantic import ValidationError

from modelport.api.model import PublishedModel
from modelport.errors import ModelportError


class InvalidManifest(ModelportError):
    """A manifest that cannot be meant so, with all its problems."""

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        """Take the manifest's place (a file, a document of it) and one sentence a problem."""
        self.where = where
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{where}: {problem}" for problem in self.problems))


def parse_manifest(obj: object, *, where: str) -> PublishedModel:
    """Read one object, as YAML or JSON gives it; raise InvalidManifest with every problem found."""
    try:
        return PublishedModel.model_validate_json(json.dumps(obj))
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
        raise InvalidManifest(where, problems) from error


def parse_yaml(text: str, where: str) -> list[PublishedModel]:
    """Read every PublishedModel of a YAML text of one or more documents."""
    return [parse_manifest(document, where=where) for document in yaml.safe_load_all(text) if document is not None]
