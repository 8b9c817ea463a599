"""Keys, wherever they are kept: which ones a resource asks for, how one is made, and what a gateway is told of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from modelport.api.access import AccessKey
from modelport.api.model import PublishedModel
from modelport.api.names import KEY_DEFAULT
from modelport.api.serving import KeyDigest, KeyDigests

PREFIX: Final = "mp_"
"""How generated keys begin, so that one is recognised where it should not be."""
TOMBSTONE: Final = timedelta(days=90)
"""How long a removed key is still known as one that was valid once."""


def declared_keys(resource: PublishedModel) -> tuple[AccessKey, ...]:
    """Return the keys that a model asks for: `spec.access.keys`, else one named default unless it is anonymous."""
    access = resource.spec.access
    return access.keys or (() if access.anonymous else (AccessKey(name=KEY_DEFAULT),))


def generate_key() -> str:
    """Return a new key: 192 random bits in a header's own alphabet."""
    return PREFIX + secrets.token_urlsafe(24)


def digest_of(value: str) -> str:
    """Return the SHA-256 of a key in hexadecimal. A key is random, so it needs no salt and no slow hash."""
    return hashlib.sha256(value.encode()).hexdigest()


def bury_removed(live: Sequence[KeyDigest], previous: KeyDigests | None, now: datetime) -> KeyDigests:
    """Return what the gateway is told: the keys that work, and for 90 days the digests of those that did.

    So a caller learns that a key was revoked, which is not the same as never having been one.
    """
    known = {digest.sha256 for digest in live}
    buried = (
        old if old.revoked else old.model_copy(update={"revoked": now})
        for old in (previous.keys if previous else ())
        if old.sha256 not in known
    )
    return KeyDigests(keys=(*live, *(old for old in buried if old.revoked and now - old.revoked < TOMBSTONE)))
