"""What a fetch tells of its way while it runs. Whoever shows it decides how, and how often."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback; called for every piece of data, from several threads but never from two at once."""

    def __call__(self, uri: str, done_bytes: int, total_bytes: int | None) -> None:
        """Take the redacted URI, the bytes that are here, and all there will be, None where the source does not say."""


def silent(uri: str, done_bytes: int, total_bytes: int | None) -> None:
    """Show nothing."""
