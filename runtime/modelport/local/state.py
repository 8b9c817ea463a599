"""The state folder of `modelport serve`: keys, what Triton and the gateway read, and a lock against a second server.

    STATE/lock          held while a server runs
    STATE/keys          MODEL:NAME:KEY lines of keys that were generated
    STATE/serving/      the serving configuration (`modelport.api.serving`), read by the gateway
    STATE/repository/   Triton's model repository
    STATE/usage/        what Serverless models have answered, kept by the gateway

It holds keys, so only its owner may look into it. Downloaded models are not here: they are shared, in the user's cache.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock

from modelport.local.errors import ServeError

DEFAULT = Path(".modelport")
"""In the working folder: two projects have two states, and the same command finds its own again."""


@dataclass(frozen=True, slots=True)
class State:
    """Where things lie."""

    root: Path

    @property
    def keys(self) -> Path:
        """Generated keys."""
        return self.root / "keys"

    @property
    def serving(self) -> Path:
        """The serving configuration."""
        return self.root / "serving"

    @property
    def repository(self) -> Path:
        """Triton's models."""
        return self.root / "repository"

    @property
    def usage(self) -> Path:
        """What Serverless models have answered."""
        return self.root / "usage"


@contextlib.contextmanager
def opened_state(root: Path) -> Iterator[State]:
    """Make the folder where it is missing and hold its lock; raise ServeError if it cannot be used."""
    state = State(root.absolute())
    try:
        for folder in (state.root, state.serving / "models", state.serving / "keys", state.repository):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.root.chmod(0o700)
        lock = filelock.FileLock(state.root / "lock")
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise ServeError(
            f"another modelport serves from the state folder {root}; stop it, or name another one by --state-dir"
        ) from error
    except OSError as error:
        raise ServeError(f"the state folder {root} cannot be used: {error.strerror or error}") from error
    try:
        yield state
    finally:
        lock.release()


def write_file(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only, so that no reader sees half of it."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ServeError(f"{path} cannot be written: {error.strerror or error}") from error
