"""Digests and names: the small pure functions beneath a fetch."""

from __future__ import annotations

import pytest

from modelport.repository.digest import folder_digest, is_digest
from modelport.repository.paths import Names, UnsafePath


@pytest.mark.parametrize(
    ("text", "valid"),
    [("sha256:" + "a" * 64, True), ("sha256:" + "A" * 64, False), ("a" * 64, False), ("sha256:12", False)],
)
def test_digests(text: str, valid: bool) -> None:
    assert is_digest(text) is valid


def test_a_folder_s_digest_does_not_depend_on_the_order() -> None:
    one, two = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    assert folder_digest({"a": one, "b": two}) == folder_digest({"b": two, "a": one})
    assert folder_digest({"a": one, "b": two}) != folder_digest({"a": two, "b": one})


@pytest.mark.parametrize("name", ["", ".", "/a", "../a", "a/../b", "a\\b", "a\x00b", "a\nb", "\udcff", "x" * 256])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(UnsafePath):
        Names().add_file(name)


@pytest.mark.parametrize("name", ["a", "./a", "a/b c", "é/模型.onnx", "..a", "a..b/c"])
def test_names_that_are_taken(name: str) -> None:
    assert Names().add_file(name).parts
