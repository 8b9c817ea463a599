"""Keys in the cluster: values in a Secret for their owner, digests in another for the Pods.

A value is made once, by creating its entry, and never written again. An entry that its owner deletes is made anew, and
one that the spec names no more is taken out; both leave a tombstone of their digest.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelport.api import InvalidManifest, KeyDigest, KeyDigests, PublishedModel
from modelport.api.keys import bury_removed, declared_keys, digest_of, generate_key
from modelport_operator.api_server import ApiError
from modelport_operator.cluster import Cluster, Refused, is_owned, refusal_of
from modelport_operator.desired.base import owner_reference
from modelport_operator.desired.key_digests import DIGESTS_FILE
from modelport_operator.names import key_digests_name, keys_name, labels
from modelport_operator.resources import SECRET, Manifest

CREATED = "modelport.io/created"
"""Annotation of the keys' Secret: when each was made, as JSON."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one resource as they are now."""

    digests: KeyDigests | None
    """For the Pods; None for an anonymous model, and where the keys cannot be had."""
    created: Mapping[str, str]
    """When each generated key was made, RFC 3339."""
    problem: str = ""
    """Why a key cannot be had, in a sentence; empty where all is well."""
    own: bool = False
    """Some key is the user's own, in a Secret that nobody watches."""
    leftover: bool = False
    """The Secret is one of an earlier resource of this name, and will soon be gone."""
    next_change: datetime | None = None
    """When a key next expires."""


async def ensure_keys(cluster: Cluster, model: PublishedModel, resource: Manifest, now: datetime) -> Keys:
    """Make what keys are missing, and return all of them; raises ApiError where the API server is away."""
    declared = declared_keys(model)
    if not declared:
        await _forget(cluster, model, resource)
        return Keys(None, {})
    if "status" not in resource:
        for name in (keys_name(model.metadata.name), key_digests_name(model.metadata.name)):
            cluster.take_for_absent(model.metadata.namespace, name)
    problems: list[str] = []
    values: dict[str, str] = {}
    generated = [key.name for key in declared if key.secret_ref is None]
    created: Mapping[str, str] = {}
    leftover = False
    if generated:
        found = await _ensure_generated(cluster, model, resource, generated, now)
        if isinstance(found, Refused):
            problems.append(found.message)
            leftover = found.reason == "Leftover"
        else:
            values |= _values(found)
            created = _created(found)
    for key in declared:
        if key.secret_ref is not None:
            own = await cluster.read_secret(model.metadata.namespace, key.secret_ref.name)
            value = "" if own is None else _values(own).get(key.secret_ref.key, "").strip()
            if value:
                values[key.name] = value
            else:
                what = "does not exist" if own is None else f"has no entry {key.secret_ref.key}"
                problems.append(f"key {key.name}: Secret {key.secret_ref.name} {what}")
    live = [
        KeyDigest(name=key.name, sha256=digest_of(values[key.name]), expires=key.expires)
        for key in declared
        if key.name in values
    ]
    previous = await _previous(cluster, model)
    return Keys(
        digests=bury_removed(live, previous, now),
        created={name: created[name] for name in generated if name in created},
        problem="; ".join(problems),
        own=len(generated) < len(declared),
        leftover=leftover,
        next_change=min((key.expires for key in live if key.expires and key.expires > now), default=None),
    )


async def _ensure_generated(
    cluster: Cluster, model: PublishedModel, resource: Manifest, names: list[str], now: datetime
) -> Manifest | Refused:
    """Return the Secret with an entry for each name and no others."""
    namespace, name = model.metadata.namespace, keys_name(model.metadata.name)
    secret = await cluster.read_secret(namespace, name)
    if secret is not None and not is_owned(secret, resource):
        cluster.forget_secret(namespace, name)
        return refusal_of(SECRET, secret, resource)
    have = {} if secret is None else _values(secret)
    entries: dict[str, str | None] = {each: generate_key() for each in names if not have.get(each)}
    if secret is None:
        try:
            return await cluster.create_secret(_build_keys(model, entries, now))
        except ApiError as error:
            if error.refused and not error.namespace_ends:
                return Refused(SECRET.name, name, error.reason or "Refused", str(error))
            if error.reason != "AlreadyExists":
                raise
            cluster.forget_secret(namespace, name)
            return await _ensure_generated(cluster, model, resource, names, now)
    created = {each: moment for each, moment in _created(secret).items() if each in names}
    created |= dict.fromkeys(entries, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    entries |= dict.fromkeys(have.keys() - set(names))
    if not entries:
        return secret
    data = {key: None if value is None else _encode(value) for key, value in entries.items()}
    return await cluster.edit_secret(secret, data, {CREATED: _dump(created)})


def _build_keys(model: PublishedModel, entries: Mapping[str, str | None], now: datetime) -> Manifest:
    created = dict.fromkeys(entries, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.name,
        "metadata": {
            "name": keys_name(model.metadata.name),
            "namespace": model.metadata.namespace,
            "labels": labels(model.metadata.name, "keys"),
            "annotations": {CREATED: _dump(created)},
            "ownerReferences": [owner_reference(model)],
        },
        "type": "Opaque",
        "data": {name: _encode(value) for name, value in entries.items() if value is not None},
    }


async def _forget(cluster: Cluster, model: PublishedModel, resource: Manifest) -> None:
    """Delete the Secrets of a model that has become anonymous, be it before its status told of any key."""
    for name in (keys_name(model.metadata.name), key_digests_name(model.metadata.name)):
        secret = await cluster.read_secret(model.metadata.namespace, name)
        if secret is not None and is_owned(secret, resource):
            await cluster.delete_secret(secret)


async def _previous(cluster: Cluster, model: PublishedModel) -> KeyDigests | None:
    secret = await cluster.read_secret(model.metadata.namespace, key_digests_name(model.metadata.name))
    if secret is None:
        return None
    try:
        return KeyDigests.parse_json(_values(secret).get(DIGESTS_FILE, ""), "")
    except InvalidManifest:
        return None


def _values(secret: Manifest) -> dict[str, str]:
    """Return a Secret's entries as text; one that is not text counts as absent."""
    found: dict[str, str] = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found


def _created(secret: Manifest) -> dict[str, str]:
    try:
        told: Any = json.loads(secret["metadata"].get("annotations", {}).get(CREATED, "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _encode(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _dump(value: Mapping[str, str]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
