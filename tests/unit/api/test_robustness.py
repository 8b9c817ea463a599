"""Whatever stands where in a manifest: a resource, or problems in single lines, and nothing else."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.api import InvalidManifest, parse_manifest, parse_yaml
from modelport.api.documents import load_documents

TABLEWARE: Any = load_documents((Path(__file__).parent / "data" / "tableware.yaml").read_text(encoding="utf-8"))[0]

Path_ = tuple[str | int, ...]


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, content in entries:
        yield from paths(content, (*path, key))


def replaced(path: Path_, value: Any) -> Any:
    manifest = deepcopy(TABLEWARE)
    block = manifest
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    return manifest


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text() | st.integers(), below, max_size=3),
    max_leaves=5,
)


def problems_with(manifest: Any) -> tuple[str, ...]:
    try:
        parse_manifest(manifest, where="a")
    except InvalidManifest as error:
        return error.problems or ("no problem named",)
    return ()


def problems_in(text: str) -> list[str]:
    try:
        parse_yaml(text, "a.yaml")
    except InvalidManifest as error:
        return str(error).splitlines() or ["no problem named"]
    return []


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(list(paths(TABLEWARE))), value=anything)
def test_any_value_at_any_place(path: Path_, value: Any) -> None:
    assert [problem for problem in problems_with(replaced(path, value)) if "\n" in problem] == []


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#, \n\t~<01.?%@`\x01\ud800")))
def test_any_text(text: str) -> None:
    assert [line for line in problems_in(text) if not line.startswith("a.yaml: ")] == []
