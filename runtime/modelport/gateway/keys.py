"""Who may ask: a presented key against the digests of the serving configuration.

A keyring is made anew from each snapshot, so a key that is added, revoked or removed counts from the next request on.
Only digests are held; a key's value is hashed and forgotten, and is in no log, metric, error or repr.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256

from modelport.api import KeyDigest
from modelport.gateway.config import ServingConfig
from modelport.gateway.errors import Unauthorized

ANONYMOUS = ""
"""The key name of a caller of an anonymous model, whatever it presented."""

BEARER = "bearer "


class Cause(Enum):
    """Why a key does not open a model; for formats whose documents tell these apart."""

    MISSING = "missing"
    CONFLICTING = "conflicting"
    """Two headers with two keys."""
    UNKNOWN = "unknown"
    """Not a key of this model; perhaps one of another."""
    EXPIRED = "expired"
    REVOKED = "revoked"


MESSAGES: Mapping[Cause, str] = {
    Cause.MISSING: "a key is needed: send it as x-api-key: KEY or as Authorization: Bearer KEY",
    Cause.CONFLICTING: "x-api-key and Authorization hold different keys: send one of them",
    Cause.UNKNOWN: "the key is not valid",
    Cause.EXPIRED: "the key has expired",
    Cause.REVOKED: "the key has been revoked",
}


class KeyRefused(Unauthorized):
    """A key that does not open the model, and why."""

    def __init__(self, cause: Cause) -> None:
        """Take the cause; it words itself."""
        super().__init__(MESSAGES[cause])
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Door:
    """One model's way in."""

    anonymous: bool
    keys: Mapping[bytes, KeyDigest]
    """By digest."""


class Keyring:
    """The keys of one snapshot."""

    def __init__(self, config: ServingConfig) -> None:
        """Index the digests, so that a check costs the same with one key and with thousands."""
        self._doors = {
            name: _Door(
                served.resource.spec.access.anonymous,
                {bytes.fromhex(key.sha256): key for key in config.keys[name].keys} if name in config.keys else {},
            )
            for name, served in config.models.items()
        }

    def authenticate(self, model: str, headers: Mapping[str, str], now: datetime) -> str:
        """Return the name of the key that a request brings, or ANONYMOUS; raise KeyRefused. `now` is an aware time.

        A model that the snapshot does not hold is opened by no key.
        """
        door = self._doors.get(model)
        if door is not None and door.anonymous:
            return ANONYMOUS
        presented = presented_key(headers)
        if presented is None:
            raise KeyRefused(Cause.MISSING)
        key = _find(door, _digest(presented)) if door is not None else None
        if key is None:
            raise KeyRefused(Cause.UNKNOWN)
        if (cause := _inactive(key, now)) is not None:
            raise KeyRefused(cause)
        return key.name

    def opens(self, headers: Mapping[str, str], now: datetime) -> frozenset[str]:
        """Names of the models that a caller may use: the anonymous ones, and those that its key opens."""
        presented = presented_key(headers)
        digest = _digest(presented) if presented is not None else b""
        return frozenset(
            name
            for name, door in self._doors.items()
            if door.anonymous or ((key := _find(door, digest)) is not None and _inactive(key, now) is None)
        )


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings, None for none; raise KeyRefused if its headers hold two different ones.

    `headers` must find names in any case, or have them in lower case. Another Authorization scheme than Bearer is not
    ours and counts as none.
    """
    plain = headers.get("x-api-key", "").strip()
    authorization = headers.get("authorization", "").strip()
    bearer = authorization[len(BEARER) :].strip() if authorization.lower().startswith(BEARER) else ""
    if plain and bearer and not hmac.compare_digest(plain.encode(), bearer.encode()):
        raise KeyRefused(Cause.CONFLICTING)
    return plain or bearer or None


def _digest(presented: str) -> bytes:
    return sha256(presented.encode("utf-8", "surrogateescape")).digest()


def _find(door: _Door, digest: bytes) -> KeyDigest | None:
    """Look a digest up; the comparison that decides takes constant time.

    What the lookup's own time could tell is about a SHA-256, which its sender cannot steer.
    """
    key = door.keys.get(digest)
    return key if key is not None and hmac.compare_digest(bytes.fromhex(key.sha256), digest) else None


def _inactive(key: KeyDigest, now: datetime) -> Cause | None:
    if key.revoked is not None and key.revoked <= now:
        return Cause.REVOKED
    if key.expires is not None and key.expires <= now:
        return Cause.EXPIRED
    return None
