"""Names from outside, of a listing or an archive, turned into relative paths that stay where they belong."""

from __future__ import annotations

from pathlib import PurePosixPath


class UnsafePath(ValueError):
    """A name that is no path inside the folder; the text is the reason."""


class Names:
    """The names of one folder or archive, each of them safe and none of them twice."""

    def __init__(self) -> None:
        """Begin with no name."""
        self._files: set[PurePosixPath] = set()
        self._folders: set[PurePosixPath] = set()

    def __len__(self) -> int:
        """Count the files."""
        return len(self._files)

    def add_file(self, name: str) -> PurePosixPath:
        """Take a file's name; raise UnsafePath if it leaves the folder, is there already, or is a folder of another."""
        path = relative_path(name)
        if not path.parts:
            raise UnsafePath(f"the name {shown(name)} is empty")
        self.add_folder(str(path.parent))
        if path in self._files:
            raise UnsafePath(f"the name {shown(name)} stands there twice")
        if path in self._folders:
            raise UnsafePath(f"{shown(name)} is both a file and a folder")
        self._files.add(path)
        return path

    def add_folder(self, name: str) -> PurePosixPath:
        """Take a folder's name, which may come more than once and may be the root."""
        path = relative_path(name)
        ways = [way for way in (path, *path.parents) if way.parts]
        if not self._files.isdisjoint(ways):
            raise UnsafePath(f"{shown(name)} is both a file and a folder")
        self._folders.update(ways)
        return path


def relative_path(name: str) -> PurePosixPath:
    """Read a name as a path below some folder; raise UnsafePath where it is not one on every system."""
    path = PurePosixPath(name)
    if path.is_absolute():
        raise UnsafePath(f"the name {shown(name)} is absolute")
    if ".." in path.parts:
        raise UnsafePath(f"the name {shown(name)} leads out of its folder")
    if "\\" in name or not name.isprintable():
        raise UnsafePath(f"the name {shown(name)} has a character that no file name should have")
    if any(len(part.encode()) > 255 for part in path.parts) or len(name.encode()) > 1024:
        raise UnsafePath(f"the name {shown(name)} is too long")
    return path


def shown(name: str) -> str:
    """Quote a name for a message: bounded, with everything unprintable escaped."""
    return repr(name if len(name) <= 120 else f"{name[:120]}…")
