"""Which files on the disk a running server minds, and when one of them changes.

A file is watched through its folder, since editors replace files instead of writing into them; a model's folder is
watched with all below it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

DEBOUNCE_MS = 300
"""Changes within this time are told together: an editor's save is several."""


class CannotWatch(Exception):
    """The system refuses to watch so many paths: inotify has a limit."""


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
        """Paths to watch with what is below, as far as they are there."""
        return {tree for tree in self.trees if tree.exists()}

    def minds(self, path: Path) -> bool:
        """Whether a change of this path is one."""
        return (
            path in self.files
            or path.parent in self.folders
            or any(path == tree or tree in path.parents for tree in self.trees)
        )


async def changes(watched: Watched, *, polling: bool = False) -> AsyncGenerator[frozenset[Path], None]:
    """Yield the paths that changed, again and again; first all of them, since any may have changed before.

    Raises CannotWatch, unless `polling`, which looks again and again by itself.
    """
    found: asyncio.Queue[frozenset[Path] | CannotWatch] = asyncio.Queue()

    async def follow(paths: Iterable[Path], *, recursive: bool) -> None:
        watching = awatch(
            *paths, recursive=recursive, force_polling=polling, watch_filter=None, debounce=DEBOUNCE_MS, step=100
        )
        try:
            async for batch in watching:
                if minded := frozenset(path for path in (Path(name) for _, name in batch) if watched.minds(path)):
                    found.put_nowait(minded)
        except (OSError, RuntimeError) as error:
            found.put_nowait(CannotWatch(str(error)))

    tasks = [
        asyncio.create_task(follow(paths, recursive=recursive))
        for paths, recursive in ((watched.shallow, False), (watched.deep, True))
        if paths
    ]
    await asyncio.sleep(0)  # they watch from their first step
    found.put_nowait(watched.files | watched.folders | watched.trees)
    try:
        while True:
            next_found = await found.get()
            if isinstance(next_found, CannotWatch):
                raise next_found
            yield next_found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
