"""The Secret with the digests of the keys: what the gateways compare with. No value of a key is in it."""

from __future__ import annotations

import base64

from modelport_operator.desired.base import Context, build_metadata, build_object
from modelport_operator.names import key_digests_name
from modelport_operator.resources import SECRET, Manifest

DIGESTS_FILE = "digests.json"


def has_keys(context: Context) -> bool:
    """For every resource that is not anonymous."""
    return context.key_digests is not None


def build_key_digests(context: Context) -> Manifest:
    """Return the Secret; a Secret, although digests are no secrets, so that fewer people may change who gets in."""
    if context.key_digests is None:
        raise ValueError("an anonymous model has no digests")
    content = base64.b64encode(context.key_digests.dump_json().encode()).decode()
    return build_object(
        SECRET,
        build_metadata(context, key_digests_name(context.name), "keys"),
        type="Opaque",
        data={DIGESTS_FILE: content},
    )
