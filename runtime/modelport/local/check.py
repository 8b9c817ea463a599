"""`modelport check`: manifests and their models held against what this machine can serve, without serving."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from modelport.errors import ModelportError
from modelport.local.manifests import InvalidManifests, Manifest, find_doubled, load_file, manifest_files
from modelport.local.publisher import source_credentials
from modelport.local.sinks import sink_problems
from modelport.local.support import notes
from modelport.local.triton_install import cache_folder
from modelport.repository import prepare
from modelport.repository.cache import Cache
from modelport.repository.capabilities import WHEEL


def check(paths: tuple[Path, ...], out: TextIO, *, offline: bool = False, secrets: Path | None = None) -> int:
    """Print OK or the problems of each file; return 1 if there are any. `offline` leaves the models alone."""
    files, problems = manifest_files(paths)
    manifests: list[Manifest] = []
    for file in files:
        try:
            found = load_file(file)
        except InvalidManifests as error:
            problems += error.problems
            continue
        manifests += found
        wrong = [] if offline else [line for manifest in found for line in model_problems(manifest, secrets)]
        if not wrong:
            print(f"{file}: OK ({', '.join(manifest.name for manifest in found)})", file=out)
        problems += wrong
        for manifest in found:
            for note in notes(manifest.resource, own_triton=True):
                print(f"{file}: note: {manifest.resource.metadata.name}: {note}", file=out)
    problems += find_doubled(manifests)
    print(*problems, sep="\n", end="\n" if problems else "", file=out)
    return 1 if problems else 0


def model_problems(manifest: Manifest, secrets: Path | None) -> list[str]:
    """Fetch the model and return what is wrong with it or its sink, one sentence a problem."""
    try:
        prepare.check(
            manifest.resource,
            cache=Cache(cache_folder() / "models"),
            capabilities=WHEEL,
            credentials=source_credentials(manifest.resource, secrets),
        )
    except ModelportError as error:
        return [f"{manifest.file}: {manifest.resource.metadata.name}: {line}" for line in str(error).splitlines()]
    return [f"{manifest.file}: {problem}" for problem in sink_problems(manifest.resource, secrets)]
