"""Files and folders into the PublishedModels that one machine serves.

A relative `file:` URI is taken from the manifest's own folder, so that a manifest and its model move together. Every
problem of every file is found before anything is started.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from modelport.api import InvalidManifest, PublishedModel, model_name, parse_yaml
from modelport.local.errors import UsageError
from modelport.local.support import refusals

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
"""What is read of a folder; a file that is named is read whatever it is called."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One PublishedModel and the file that holds it."""

    file: Path
    resource: PublishedModel
    """With its `file:` URIs absolute."""

    @property
    def name(self) -> str:
        """The model's name in addresses and in Triton."""
        return model_name(self.resource)


class InvalidManifests(UsageError):
    """One or more manifests that cannot be served; one sentence a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load_manifests(paths: Sequence[Path], *, own_triton: bool = True) -> list[Manifest]:
    """Read every manifest of the files and folders; raise InvalidManifests with all problems found."""
    manifests: list[Manifest] = []
    files, problems = manifest_files(paths)
    for file in files:
        try:
            manifests += load_file(file, own_triton=own_triton)
        except InvalidManifests as error:
            problems += error.problems
    problems += find_doubled(manifests)
    if problems:
        raise InvalidManifests(problems)
    return manifests


class Catalogue:
    """The manifests of some paths, read again while they are served."""

    def __init__(self, paths: Sequence[Path], *, own_triton: bool) -> None:
        self._paths = paths
        self._own_triton = own_triton
        self._good: dict[Path, list[Manifest]] = {}
        self._current: list[Manifest] = []

    def load(self) -> list[Manifest]:
        """Read all; raise InvalidManifests with every problem."""
        self._current = load_manifests(self._paths, own_triton=self._own_triton)
        for manifest in self._current:
            self._good.setdefault(manifest.file, []).append(manifest)
        return self._current

    def reload(self) -> tuple[list[Manifest], list[str]]:
        """Read all again; return what is to be served, and the problems.

        A file that has become invalid keeps what it said last; one that is gone says nothing any more.
        """
        problems: list[str] = []
        good: dict[Path, list[Manifest]] = {}
        for file in manifest_files(self._paths)[0]:
            try:
                good[file] = load_file(file, own_triton=self._own_triton)
            except InvalidManifests as error:
                problems += error.problems
                if file in self._good:
                    good[file] = self._good[file]
        manifests = [manifest for found in good.values() for manifest in found]
        if doubled := find_doubled(manifests):
            return self._current, problems + doubled
        self._good, self._current = good, manifests
        return manifests, problems


def load_file(file: Path, *, own_triton: bool = True) -> list[Manifest]:
    """Read one file; raise InvalidManifests with all its problems."""
    try:
        resources = parse_yaml(file.read_text("utf-8"), str(file))
    except InvalidManifest as error:
        raise InvalidManifests(str(error).splitlines()) from error
    except OSError as error:
        raise InvalidManifests([f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise InvalidManifests([f"{file}: is not UTF-8 text"]) from error
    if not resources:
        raise InvalidManifests([f"{file}: holds no PublishedModel"])
    problems = [
        f"{file}: {resource.metadata.name}: {problem}"
        for resource in resources
        for problem in refusals(resource, own_triton=own_triton)
    ]
    if problems:
        raise InvalidManifests(problems)
    return [Manifest(file, resolve_file_uri(resource, file.parent)) for resource in resources]


def resolve_file_uri(resource: PublishedModel, folder: Path) -> PublishedModel:
    """Make `file:` URIs such as `file:models/half` absolute, from the folder of their manifest; others stay."""
    spec = resource.spec
    source = spec.model.source
    changed: dict[str, Any] = {
        "model": spec.model.model_copy(
            update={"source": source.model_copy(update={"uri": _absolute(source.uri, folder)})}
        )
    }
    if spec.evaluation is not None and spec.evaluation.sink is not None:
        sink = spec.evaluation.sink
        sink = sink.model_copy(update={"uri": _absolute(sink.uri, folder)})
        changed["evaluation"] = spec.evaluation.model_copy(update={"sink": sink})
    return resource.model_copy(update={"spec": spec.model_copy(update=changed)})


def _absolute(uri: str, folder: Path) -> str:
    scheme, _, rest = uri.partition(":")
    if scheme != "file" or rest.startswith("/"):
        return uri
    return (folder.resolve() / unquote(rest)).as_uri()


def model_folder(resource: PublishedModel) -> Path | None:
    """Return the local path of the model's files, or None if they come from elsewhere."""
    uri = resource.spec.model.source.uri
    return Path(unquote(uri.removeprefix("file://"))) if uri.startswith("file:///") else None


def manifest_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the files that are named or lie in a named folder, each once, and a sentence for each that is missing."""
    files: dict[Path, None] = {}
    problems = []
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
            if not found:
                problems.append(f"{path}: holds no manifest ({', '.join(sorted(SUFFIXES))})")
            files |= dict.fromkeys(found)
        elif path.exists():
            files[path] = None
        else:
            problems.append(f"{path}: no such file or folder")
    return list(files), problems


def find_doubled(manifests: Sequence[Manifest]) -> list[str]:
    """Return a sentence for each manifest whose name another one has."""
    problems = []
    by_name: dict[tuple[str, str], Manifest] = {}
    for manifest in manifests:
        for what, name in (("metadata.name", manifest.resource.metadata.name), ("the model's name", manifest.name)):
            first = by_name.setdefault((what, name), manifest)
            if first is not manifest:
                problems.append(f"{manifest.file}: {what} is {name}, as in {first.file}; each needs its own")
                break
    return problems
