"""How much a source may ask of this machine before a fetch gives up."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one fetch. They protect against mistakes and malice, and are wide enough for the models that exist."""

    bytes: int = 500 * 2**30
    """Of the files downloaded together, and again of an archive's content."""
    files: int = 100_000
    """In a folder or an archive."""
    ratio: int = 200
    """Unpacked bytes for each packed one. Trained weights hardly shrink; an archive beyond this is a bomb."""
    stall_seconds: float = 60.0
    """Without a single byte, while connecting and while reading."""
    attempts: int = 5
    """In a row that bring nothing new, before a source counts as unreachable."""
    backoff_seconds: float = 1.0
    """Before the second attempt; doubled for each further one, up to half a minute."""
    redirects: int = 10
    parallel: int = 4
    """Files of one folder downloaded at the same time."""

    def pause_seconds(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return min(self.backoff_seconds * 2.0 ** max(failures - 1, 0), _MAX_PAUSE_SECONDS)
