"""Which files on the disk a running server minds, and when one of them changes.

A file is watched through its folder, since editors replace files instead of writing into them; a model's folder is
watched with all below it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

DEBOUNCE_MS = 300
"""Changes within this time are told together: an editor's save is several."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What to watch; all paths absolute."""

    files: frozenset[Path] = frozenset()
    """Single files, which need not exist."""
    folders: frozenset[Path] = frozenset()
    """Folders of which the direct entries count."""
    trees: frozenset[Path] = frozenset()
    """Files or folders with all below them."""

    @property
    def shallow(self) -> set[Path]:
        """Folders to watch without what is below."""
        return {folder for folder in (*self.folders, *(file.parent for file in self.files)) if folder.is_dir()}

    @property
    def deep(self) -> set[Path]:
        """Paths to watch with what is below; a tree that is not there yet by the folder that would hold it."""
        return {tree for tree in self.trees if tree.exists()}

    def minds(self, path: Path) -> bool:
        """Whether a change of this path is one."""
        return (
            path in self.files
            or path.parent in self.folders
            or any(path == tree or tree in path.parents for tree in self.trees)
        )


async def changes(watched: Watched) -> AsyncGenerator[set[Path], None]:
    """Yield the paths that changed, again and again, until cancelled."""
    found: asyncio.Queue[set[Path]] = asyncio.Queue()

    async def follow(paths: Iterable[Path], *, recursive: bool) -> None:
        async for batch in awatch(
            *paths, recursive=recursive, watch_filter=None, debounce=DEBOUNCE_MS, step=100, raise_interrupt=False
        ):
            if minded := {Path(path) for _, path in batch if watched.minds(Path(path))}:
                found.put_nowait(minded)

    tasks = [
        asyncio.create_task(follow(paths, recursive=recursive))
        for paths, recursive in ((watched.shallow, False), (watched.deep, True))
        if paths
    ]
    try:
        while True:
            yield await found.get()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
