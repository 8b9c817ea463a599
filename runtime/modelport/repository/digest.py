r"""Digests of files and folders, as `spec.model.source.digest` and `X-Model-Digest` have them.

A file's digest is the sha256 of its bytes, an archive's that of the archive. A folder's is the sha256 over the sorted
lines `sha256  relative/path`, each ending in a line feed; coreutils give the same:

    find -L . -type f -printf '%P\0' | xargs -0 sha256sum | LC_ALL=C sort | sha256sum
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

ALGORITHM = "sha256"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether the text is a digest as this project writes it: `sha256:` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def file_digest(path: Path) -> str:
    """Digest of one file."""
    with path.open("rb") as file:
        return f"{ALGORITHM}:{hashlib.file_digest(file, ALGORITHM).hexdigest()}"


def folder_digest(files: Mapping[str, str]) -> str:
    """Digest of a folder, from the digest of each file by its relative path with slashes."""
    lines = sorted(f"{digest.removeprefix('sha256:')}  {name}\n".encode() for name, digest in files.items())
    return f"{ALGORITHM}:{hashlib.sha256(b''.join(lines)).hexdigest()}"
