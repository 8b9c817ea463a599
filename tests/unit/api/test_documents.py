"""YAML text into resources: several documents, and the traps of YAML that kubectl's reader does not have."""

import pytest

from modelport.api import InvalidManifest, parse_yaml
from modelport.api.documents import MAX_DEPTH, BadYaml, load_documents

HEAD = """\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: cups}
spec:
  model: {format: ONNX, source: {uri: "file:///cups.onnx"}}
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:00", "10:00"),
        ("2026-12-31", "2026-12-31"),
        ("2026-12-31T10:00:00Z", "2026-12-31T10:00:00Z"),
        ("1e-3", 0.001),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("017", 15),
        ("0o17", 15),
        ("0b11", 3),
        ("1_0.5", 10.5),
        ("y", True),
        ("N", False),
        ("off", False),
        ("yesterday", "yesterday"),
        (".5", 0.5),
        ("-7", -7),
        ("0x10", 16),
        ("yes", True),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_plain_values_are_read_as_kubectl_reads_them(text: str, value: object) -> None:
    assert load_documents(f"a: {text}") == [{"a": value}]


def test_documents_are_read_in_order_and_empty_ones_left_out() -> None:
    second = HEAD.replace("cups", "plates")
    resources = parse_yaml(f"---\n{HEAD}---\n# nothing\n---\n{second}", "both.yaml")
    assert [resource.metadata.name for resource in resources] == ["cups", "plates"]


def test_the_problems_of_all_documents_are_told_at_once() -> None:
    wrong = HEAD + "  versionTag: 3\n"
    with pytest.raises(InvalidManifest) as caught:
        parse_yaml(f"{wrong}---\n{HEAD}---\napiVersion: v1\nkind: Service\n", "a.yaml")
    assert str(caught.value).splitlines() == [
        "a.yaml: document 1: spec.versionTag: expected text, got 3; quote it",
        'a.yaml: document 3: kind: expected PublishedModel, got "Service"',
    ]


BAD = {
    "nothing at all": ("", "expected an object of kind PublishedModel, got nothing"),
    "a syntax error": (HEAD + "  io: {", "line 7, column 1: not YAML: did not find expected node content"),
    "a key twice": (HEAD + "  versionTag: a\n  versionTag: b\n", "line 7: versionTag stands twice"),
    "a list as a key": ("? [a]\n: b", "line 1: expected text as a key"),
    "a key that is read as true": (HEAD + "  y: 1\n", "line 6: expected text as a key; quote y"),
    "a key that is read as null": ("{~: 1}", "line 1: expected text as a key; quote ~"),
    "a control character": ("a: \x01", "not YAML: unacceptable character #x0001: control characters are not allowed"),
    "a Python object": (
        "a: !!python/object:os.system {}",
        "line 1, column 4: not YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object:os.system'",
    ),
    "a tag that does not fit": ("a: !!bool maybe", "not YAML: a tag such as !!bool stands before something else"),
    "a tag that fits nothing": ("a: !!timestamp soon", "not YAML: a tag such as !!bool stands before something else"),
    "half a surrogate pair": ("a: \ud800", "expected text in UTF-8, got half a surrogate pair"),
    "a list that holds itself": ("a: &a [*a]", "an alias stands for something that holds itself"),
    "half a million brackets": ("[" * 500_000, "line 1: nested more than 100 deep"),
    "too much of it": ("#" * 2_000_000, "expected at most 1536 KiB of YAML"),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_text_that_cannot_be_meant_so(text: str, expected: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_yaml(text, "a.yaml")
    assert str(caught.value) == f"a.yaml: {expected}"


def test_aliases_that_unfold_to_billions_are_refused_at_once() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(BadYaml, match="more than 200000 values"):
        load_documents("\n".join(lines))


def test_the_same_alias_may_be_used_often() -> None:
    assert load_documents("{a: &x [1], b: *x, c: *x}") == [{"a": [1], "b": [1], "c": [1]}]


def test_merge_keys_work_and_are_overridden() -> None:
    assert load_documents("a: &a {u: 1, v: 2}\nb: {<<: *a, v: 3}")[0] == {"a": {"u": 1, "v": 2}, "b": {"u": 1, "v": 3}}


def test_the_deepest_nesting_that_is_read() -> None:
    assert load_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH)
