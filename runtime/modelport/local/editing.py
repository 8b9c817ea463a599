"""Edits while the server runs: manifests, keys, secrets and local model files take effect without a restart."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from modelport.local.errors import ServeError
from modelport.local.keybook import KeyBook
from modelport.local.manifests import Catalogue, Manifest, model_folder
from modelport.local.options import ServeOptions
from modelport.local.publisher import Publisher
from modelport.local.watch import Watched, changes

log = logging.getLogger(__name__)


async def follow_edits(options: ServeOptions, catalogue: Catalogue, publisher: Publisher, keybook: KeyBook) -> None:
    """Apply edits for ever. What cannot be applied is logged, and what was served before stays."""
    while True:
        watched = build_watched(options, publisher.served.values(), keybook.state.keys)
        async with aclosing(changes(watched)) as batches:
            async for paths in batches:
                await _apply(paths, catalogue, publisher, keybook)
                if build_watched(options, publisher.served.values(), keybook.state.keys) != watched:
                    break


def build_watched(options: ServeOptions, manifests: Iterable[Manifest], state_keys: Path) -> Watched:
    """Return what to watch: the manifests, the keys, the secrets, and the models that lie on this machine."""
    folders = (model_folder(manifest.resource) for manifest in manifests)
    paths = {path.absolute() for path in options.paths}
    return Watched(
        files=frozenset(paths | {options.keys.absolute() if options.keys else state_keys}),
        folders=frozenset(path for path in paths if path.is_dir()),
        trees=frozenset(filter(None, (*folders, options.secrets and options.secrets.absolute()))),
    )


def touched_models(paths: Iterable[Path], manifests: Iterable[Manifest]) -> set[str]:
    """Return the models whose local files are among the paths."""
    changed = set(paths)
    return {
        manifest.name
        for manifest in manifests
        if (folder := model_folder(manifest.resource)) is not None
        and any(path == folder or folder in path.parents for path in changed)
    }


async def _apply(paths: set[Path], catalogue: Catalogue, publisher: Publisher, keybook: KeyBook) -> None:
    manifests, problems = catalogue.reload()
    for problem in problems:
        log.error("%s; what was served before stays", problem)
    try:
        keybook.apply([manifest.resource for manifest in manifests])
    except ServeError as error:
        log.error("%s; the keys stay as they were", error)
    await publisher.update(manifests, touched_models(paths, manifests))
