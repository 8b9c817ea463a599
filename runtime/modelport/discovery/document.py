"""The OpenAPI document of a gateway, untrusted, to the operations that can be called as they stand.

What the gateway adds to OpenAPI is in two extensions: `x-modelport-api` names the format of an operation, and
`x-modelport-file` the place of a file in its example. `servers` is not read: a key shall go nowhere but to the address
that its owner has given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from modelport.discovery import pointers
from modelport.discovery.errors import NoDocument
from modelport.discovery.operations import FilePlace, Operation

API = "x-modelport-api"
FILE = "x-modelport-file"

_JSON = "application/json"
_PATH = re.compile(r"/[!-~]*")
"""Absolute, and of characters that a URL may have; anything else could lead to another host or out of a header."""


def parse_operations(document: Any, base: str) -> tuple[Operation, ...]:
    """Return the operations that have an example, in the document's order.

    Args:
        document: the JSON of `/openapi.json`.
        base: the URL below which the paths lie.

    Raises:
        NoDocument: it is none of a gateway's; the message says where it differs.
    """
    paths = _member(document, "paths", Mapping, "the document")
    operations: list[Operation] = []
    for path, item in paths.items():
        for method, content in _object(item, path).items():
            if isinstance(content, Mapping) and API in content:
                operations.extend(_operation(path, method, content, base))
    return tuple(operations)


def _operation(path: str, method: str, content: Mapping[str, Any], base: str) -> Iterator[Operation]:
    """Yield the operation, or nothing where it has no example of its body and of each part of its path."""
    where = f"{method} {path}"
    media = _descend(content, "requestBody", "content", _JSON, where=where)
    filled = _fill_path(path, content, where)
    if "example" not in media or filled is None:
        return
    if not _PATH.fullmatch(filled):
        raise NoDocument(f"{where}: expected a path of a URL")
    tags = _member(content, "tags", list, where)
    if not tags or not isinstance(tags[0], str):
        raise NoDocument(f"{where}: expected the model's name as its first tag")
    yield Operation(
        api=_member(content, API, str, where),
        model=tags[0],
        method=method.upper(),
        url=base.rstrip("/") + filled,
        example=media["example"],
        file=_file(content, media["example"], where),
        key_needed=_key_needed(content.get("security")),
    )


def _fill_path(path: str, content: Mapping[str, Any], where: str) -> str | None:
    """Put the examples of its parameters into a path; None where one has none."""
    parameters = content.get("parameters", [])
    if not isinstance(parameters, list):
        raise NoDocument(f"{where}: expected parameters to be a list")
    for parameter in parameters:
        if isinstance(parameter, Mapping) and parameter.get("in") == "path" and "example" in parameter:
            path = path.replace(f"{{{parameter.get('name')}}}", quote(str(parameter["example"]), safe=""))
    return None if "{" in path else path


def _file(content: Mapping[str, Any], example: Any, where: str) -> FilePlace | None:
    if FILE not in content:
        return None
    file = _member(content, FILE, Mapping, where)
    place = FilePlace(_member(file, "pointer", str, where), _member(file, "mediaType", str, where))
    if "typePointer" in file:
        place = FilePlace(place.pointer, place.media_type, _member(file, "typePointer", str, where))
    for pointer in filter(None, (place.pointer, place.type_pointer)):
        try:
            found = pointers.get(example, pointer)
        except LookupError as error:
            raise NoDocument(f"{where}: {FILE} points to {pointer}, where the example has nothing") from error
        if not isinstance(found, str):
            raise NoDocument(f"{where}: {FILE} points to {pointer}, where the example has no text")
    return place


def _key_needed(security: Any) -> bool:
    """Whether every way in that the document names asks for something."""
    return isinstance(security, list) and bool(security) and {} not in security


def _descend(value: Mapping[str, Any], *names: str, where: str) -> Mapping[str, Any]:
    """Return the object below these members, an empty one where a member is missing."""
    for name in names:
        value = _object(value.get(name, {}), f"{where}: {name}")
    return value


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NoDocument(f"{where}: expected an object")
    return value


def _member(value: Any, name: str, kind: type[Any], where: str) -> Any:
    found = _object(value, where).get(name)
    if not isinstance(found, kind):
        raise NoDocument(f"{where}: expected the member {name}, a {_KINDS[kind]}")
    return found


_KINDS: Mapping[type[Any], str] = {str: "text", list: "list", Mapping: "JSON object"}
