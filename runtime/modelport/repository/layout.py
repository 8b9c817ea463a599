"""From what was fetched to the versions in it.

A source may be one file, a folder that holds the model, a folder of version folders (`1/`, `2/` …), or the whole folder
that Triton itself would take, with config.pbtxt beside the version folders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelport.api.source import Versions
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.files import entries, listing, walk

CONFIG = "config.pbtxt"
VERSION = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
"""A version folder's name; Triton ignores those that begin with a zero."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything lies."""

    root: Path
    """The folder of the model, or the model's only file."""
    versions: Mapping[int, Path]
    """File or folder of each version, in ascending order."""

    @property
    def numbered(self) -> bool:
        """Whether the versions have folders of their own, with files for all of them beside."""
        return self.root not in self.versions.values()

    @property
    def config(self) -> Path | None:
        """The config.pbtxt beside the model, if there is one."""
        file = self.root / CONFIG
        return file if file.is_file() else None

    def common(self) -> dict[str, Path]:
        """Return the files for all versions, label files and the like, by their path in the model's folder."""
        return {
            name: path
            for name, path in walk(self.root)
            if name != CONFIG and not VERSION.fullmatch(name.partition("/")[0])
        }

    def beside(self, name: str) -> Path:
        """Return the file of that name beside the model.

        Raises:
            InvalidModel: there is none.
        """
        folder = self.root.parent if self.root.is_file() else self.root
        for place in (folder, *sorted(self.versions.values(), reverse=True)):
            if (place / name).is_file():
                return place / name
        raise InvalidModel(f"no file {name} beside the model; the folder {listing(folder)}")


def find_layout(path: Path) -> Layout:
    """Find the versions below what was fetched; a lone file or folder of files is version 1.

    Folders that hold nothing but one other folder, as archives often have them, are passed through.
    """
    if path.is_file():
        return Layout(path, {1: path})
    versions = numbered_folders(path)
    below = entries(path)
    if not versions and len(below) == 1 and below[0].is_dir():
        return find_layout(below[0])
    return Layout(path, versions or {1: path})


def numbered_folders(path: Path) -> dict[int, Path]:
    """Return the version folders by number, in ascending order."""
    found = {int(e.name): e for e in entries(path) if VERSION.fullmatch(e.name) and e.is_dir()}
    return dict(sorted(found.items()))


def select_versions(layout: Layout, wanted: Versions) -> dict[int, Path]:
    """Return the versions that `spec.model.versions` asks for.

    Raises:
        InvalidModel: a version that `specific` names is not there.
    """
    return {number: layout.versions[number] for number in choose_versions(list(layout.versions), wanted)}


def choose_versions(there: Sequence[int], wanted: Versions) -> list[int]:
    """Return the numbers that are wanted of those that are there, which are in ascending order.

    Raises:
        InvalidModel: a version that `specific` names is not there.
    """
    match wanted.policy:
        case "Latest":
            return [max(there)]
        case "All":
            return list(there)
        case "Specific":
            missing = [number for number in wanted.specific if number not in there]
            if missing:
                raise InvalidModel(
                    f"spec.model.versions.specific: no version {missing[0]} in the source, which has"
                    f" {', '.join(map(str, there))}"
                )
            return sorted(wanted.specific)
