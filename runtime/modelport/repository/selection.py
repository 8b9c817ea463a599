"""Which files of a folder are fetched: those of the versions to load, and those that lie beside the version folders.

A folder that grows by a version each night is not downloaded whole for the sake of the newest; and what a Pod has
fetched stays the same, digest and all, when another version comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelport.api.source import Versions
from modelport.repository.formats.files import visible
from modelport.repository.layout import VERSION, choose_versions
from modelport.repository.sources.base import Listing


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a folder is wanted."""

    versions: Versions

    @property
    def text(self) -> str:
        """What tells this selection from others of the same source."""
        return f"{self.versions.policy} {' '.join(map(str, sorted(self.versions.specific)))}"

    def choose(self, listing: Listing) -> Listing:
        """Return the listing without the versions that are not loaded; unchanged where there are none to choose from.

        Raises:
            InvalidModel: a version that is wanted is not there.
        """
        if not listing.folder:
            return listing
        root = find_root(file.name for file in listing.files)
        there = {file.name: version_in(root, file.name) for file in listing.files}
        numbers = {number for number in there.values() if number is not None}
        if not numbers:
            return listing
        wanted = {None, *choose_versions(sorted(numbers), self.versions)}
        return replace(listing, files=tuple(file for file in listing.files if there[file.name] in wanted))


def find_root(names: Iterable[str]) -> str:
    """Return the folder that holds the model: folders with nothing but one other folder in them are passed through.

    As `layout.find_layout` finds it on the disk; empty, or with a slash at its end.
    """
    paths = [name for name in names if all(map(visible, name.split("/")))]
    root = ""
    while True:
        below = {path[len(root) :].split("/")[0] for path in paths}
        (folder, *others) = below or {""}
        if others or not folder or VERSION.fullmatch(folder) or f"{root}{folder}" in paths:
            return root
        root += f"{folder}/"


def version_in(root: str, name: str) -> int | None:
    """Return the number of the version folder in which a file lies; None for one beside them."""
    folder, slash, _ = name.removeprefix(root).partition("/")
    return int(folder) if slash and name.startswith(root) and VERSION.fullmatch(folder) else None
