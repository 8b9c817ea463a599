"""Whether what stands in the cluster is what was wanted. Pure: this is what keeps an idle operator from writing.

A manifest that is applied bears a digest of itself as an annotation. If a live object has the same digest and still
holds every value of the manifest, then applying it again would change nothing. The digest alone would not see a
stranger's edit; the values alone would not see a field that the manifest has ceased to name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from modelport_operator.names import APPLIED
from modelport_operator.resources import Manifest

_MERGE_KEYS = ("name", "uid", "containerPort", "port", "mountPath", "key", "type")
"""By which server-side apply tells the entries of a list apart, the first that all entries have."""


def stamp(manifest: Manifest) -> Manifest:
    """Return the manifest with its own digest as an annotation."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: digest}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def holds(live: Any, wanted: Any) -> bool:
    """Tell whether every value of `wanted` stands in `live`; what `live` has beyond it is the server's or others'."""
    match wanted:
        case dict():
            return isinstance(live, dict) and all(
                holds(live[name], value) if name in live else _is_zero(value) for name, value in wanted.items()
            )
        case list():
            return isinstance(live, list) and _holds_all(live, wanted)
        case _:
            return type(live) is type(wanted) and (bool(live == wanted) or _is_same_quantity(live, wanted))


def _holds_all(live: Sequence[Any], wanted: Sequence[Any]) -> bool:
    key = _merge_key(wanted)
    if key is None:
        return len(live) == len(wanted) and all(map(holds, live, wanted))
    found = {each[key]: each for each in live if isinstance(each, dict) and key in each}
    return all(each[key] in found and holds(found[each[key]], each) for each in wanted)


def _is_same_quantity(live: Any, wanted: Any) -> bool:
    """The API server writes quantities its own way: 1000m becomes 1."""
    try:
        return isinstance(wanted, str) and _quantity(live) == _quantity(wanted)
    except ValueError:
        return False


def _is_zero(value: Any) -> bool:
    """The API server leaves out what is empty, where Go's `omitempty` says so."""
    return value is None or value in ("", 0, False, [], {})


def _quantity(text: Any) -> Decimal:
    found: Decimal = parse_quantity(text)  # type: ignore[no-untyped-call]
    return found


def _merge_key(entries: Sequence[Any]) -> str | None:
    """Return the member that names each entry of a list of objects, if there is one."""
    if not entries or not all(isinstance(each, dict) for each in entries):
        return None
    for key in _MERGE_KEYS:
        values = [each.get(key) for each in entries]
        if all(isinstance(value, str | int) for value in values) and len(set(values)) == len(values):
            return key
    return None
