"""Finding a model's files in what was fetched; shared by the formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelport.repository.errors import InvalidModel

LISTED = 8
"""File names that a message shows at most."""


def visible(name: str) -> bool:
    """Tell whether an entry belongs to a model: no hidden files, no compiled Python."""
    return not name.startswith(".") and name != "__pycache__"


def entries(folder: Path) -> list[Path]:
    """Return the visible entries of a folder, by name."""
    return sorted(entry for entry in folder.iterdir() if visible(entry.name))


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every visible file below a folder with its relative path, in order."""
    for entry in entries(folder):
        if entry.is_dir():
            yield from ((f"{entry.name}/{below}", path) for below, path in walk(entry))
        else:
            yield entry.name, entry


def listing(folder: Path) -> str:
    """Word what a folder holds, for a message: `holds a.bin, sub/`."""
    names = [entry.name + "/" * entry.is_dir() for entry in entries(folder)]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"holds {', '.join(names[:LISTED])}{more}" if names else "is empty"


def sole_file(path: Path, wanted: str) -> Path:
    """Return the model's main file: `path` itself, the file `wanted` in it, or the only one with that ending.

    Raises:
        InvalidModel: none, or several of which none has the name.
    """
    if path.is_file():
        return path
    if (path / wanted).is_file():
        return path / wanted
    ending = Path(wanted).suffix
    found = [entry for entry in entries(path) if entry.suffix.lower() == ending and entry.is_file()]
    if not found:
        raise InvalidModel(f"no {wanted} and no other *{ending}; the folder {listing(path)}")
    if len(found) > 1:
        names = ", ".join(entry.name for entry in found[:LISTED])
        raise InvalidModel(f"several *{ending} ({names}); name the one to be served {wanted}")
    return found[0]
