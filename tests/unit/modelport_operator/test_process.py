"""The parts of the process that need no API server; `tests/cluster/test_process.py` has the whole."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from modelport_operator.api_server import ApiError
from modelport_operator.process import first_of, has_other_kinds, in_words
from modelport_operator.resources import SCALED_OBJECT, SERVICE_MONITOR


async def test_the_first_one_to_end_ends_the_others() -> None:
    other = asyncio.Event()
    ended = []

    async def wait() -> None:
        try:
            await other.wait()
        finally:
            ended.append("other")

    await first_of(asyncio.sleep(0), wait())
    assert ended == ["other"]


async def test_the_error_of_the_first_one_is_raised() -> None:
    async def fail() -> None:
        raise ApiError("no")

    with pytest.raises(ApiError, match=r"^no$"):
        await first_of(fail(), asyncio.Event().wait())


KINDS: dict[str, tuple[Any, bool]] = {
    "the same": (frozenset({SCALED_OBJECT}), False),
    "one has come": (frozenset({SCALED_OBJECT, SERVICE_MONITOR}), True),
    "one has gone": (frozenset(), True),
    "nobody knows": (ApiError("away"), False),
}


@pytest.mark.parametrize(("found", "other"), KINDS.values(), ids=KINDS.keys())
async def test_other_kinds(found: Any, other: bool) -> None:
    async def optional_kinds() -> Any:
        if isinstance(found, ApiError):
            raise found
        return found

    controller: Any = SimpleNamespace(
        cluster=SimpleNamespace(optional_kinds=optional_kinds),
        reconciler=SimpleNamespace(optional=frozenset({SCALED_OBJECT})),
    )
    assert await has_other_kinds(controller) is other


def test_a_missing_definition_is_named() -> None:
    assert in_words(ApiError("the server could not find the requested resource", 404)) == (
        "the cluster does not know PublishedModel; apply crds/publishedmodels.yaml"
    )
    assert in_words(ApiError("pods is forbidden", 403)) == "pods is forbidden"
