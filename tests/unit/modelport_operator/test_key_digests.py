"""The Secret with the digests of the keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from modelport_operator.desired.base import Context
from modelport_operator.desired.key_digests import build_key_digests, has_keys


def test_the_whole_secret(build_context: Callable[..., Context], child: Callable[..., dict[str, Any]]) -> None:
    context = build_context()
    assert has_keys(context)
    secret = build_key_digests(context)
    content = json.loads(base64.b64decode(secret["data"].pop("digests.json")))
    assert content == {"keys": [{"name": "default", "sha256": "ab" * 32}]}
    whole = child("v1", "Secret", "keys", None)
    whole["metadata"]["name"] = "cups-key-digests"
    del whole["spec"]
    assert secret == whole | {"type": "Opaque", "data": {}}


def test_an_anonymous_model_has_none(build_context: Callable[..., Context]) -> None:
    assert not has_keys(build_context({"access": {"anonymous": True}}, key_digests=None))
