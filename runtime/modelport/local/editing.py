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
from modelport.local.watch import CannotWatch, Watched, changes

log = logging.getLogger(__name__)


async def follow_edits(options: ServeOptions, catalogue: Catalogue, publisher: Publisher, keybook: KeyBook) -> None:
    """Apply edits for ever. What cannot be applied is logged, and what was served before stays."""
    polling = False
    while True:
        watched = build_watched(options, publisher.served.values(), keybook.state.keys)
        try:
            async with aclosing(changes(watched, polling=polling)) as batches:
                async for paths in batches:
                    await _apply(paths, catalogue, publisher, keybook)
                    if build_watched(options, publisher.served.values(), keybook.state.keys) != watched:
                        break
        except CannotWatch as error:
            if polling:
                raise
            log.warning("the system does not tell of edits (%s); they are looked for instead", error)
            polling = True


def build_watched(options: ServeOptions, manifests: Iterable[Manifest], state_keys: Path) -> Watched:
    """Return what to watch: the manifests, the keys, the secrets, and the models that lie on this machine."""
    models = (model_folder(manifest.resource) for manifest in manifests)
    files = _with_targets((*options.paths, options.keys or state_keys))
    return Watched(
        files=files,
        folders=frozenset(path for path in files if path.is_dir()),
        trees=_with_targets(path for path in (*models, options.secrets) if path is not None),
    )


def _with_targets(paths: Iterable[Path]) -> frozenset[Path]:
    """A link changes by itself or by what it leads to."""
    return frozenset(place for path in paths for place in (path.absolute(), path.resolve()))


def touched_models(paths: Iterable[Path], manifests: Iterable[Manifest]) -> set[str]:
    """Return the models whose local files are among the paths."""
    changed = set(paths)
    return {
        manifest.name
        for manifest in manifests
        if (folder := model_folder(manifest.resource)) is not None
        and any(place == path or place in path.parents for place in _with_targets([folder]) for path in changed)
    }


async def _apply(paths: Iterable[Path], catalogue: Catalogue, publisher: Publisher, keybook: KeyBook) -> None:
    manifests, problems = catalogue.reload()
    for problem in problems:
        log.error("%s; what was served before stays", problem)
    try:
        keybook.apply([manifest.resource for manifest in manifests])
    except ServeError as error:
        log.error("%s; the keys stay as they were", error)
    await publisher.update(manifests, touched_models(paths, manifests))
