"""Strict YAML: what plain scalars mean, what is refused, and where each node was written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.model.yaml_text import (
    ALIAS_NODES_MAX,
    DEPTH_MAX,
    Document,
    load_document,
    load_documents,
    resolve_plain,
)


def value_of(text: str | bytes) -> object:
    return load_document(text, name="f.yaml").value


def refusal_of(text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_documents(text, name="f.yaml")
    return str(caught.value)


TAB_REFUSAL = (
    "f.yaml:2:1: not valid YAML: found character that cannot start any token; indent with spaces, not with tabs"
)

# Every row follows kubernetes-sigs/yaml: goyaml.v2/resolve.go, then the trip through JSON.
PLAIN = [
    ("true", True), ("True", True), ("yes", True), ("on", True), ("y", True), ("Y", True), ("ON", True),
    ("false", False), ("no", False), ("NO", False), ("off", False), ("n", False),
    ("tRUE", "tRUE"), ("oN", "oN"),
    ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"),
    ("0", 0), ("-0", 0), ("+7", 7), ("0777", 511), ("0o777", 511), ("0x1F", 31), ("0b11", 3), ("-0b11", -3),
    ("1_000", 1000), ("08", 8), ("0o8", "0o8"), ("0xg", "0xg"), ("_1", "_1"),
    ("9223372036854775808", 9223372036854775808), ("99999999999999999999", 99999999999999999999),
    ("1.5", 1.5), ("1.0", 1), ("1.", 1), (".5", 0.5), ("1e3", 1000), ("1e-3", 0.001), ("1e999", "1e999"),
    ("1e21", 1e21), ("1.2.3", "1.2.3"), (".", "."), ("-", "-"), ("._5", "._5"),
    ("22:22", "22:22"), ("2024-01-01", "2024-01-01"), ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
    ("100m", "100m"), ("1Gi", "1Gi"), ("sha256:00", "sha256:00"), ("<<", "<<"), ("nginx", "nginx"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_plain_scalars(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("text", "value"), [row for row in PLAIN if row[0] not in ("", "-", "<<")])
def test_plain_scalars_inside_a_document(text: str, value: object) -> None:
    assert value_of(f"key: {text}") == {"key": value}
    assert value_of(f"key: '{text}'") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 5", "5"),
        ("! 5", 5),
        ("!!int '5'", 5),
        ("!!float 5", 5),
        ("!!bool yes", True),
        ("!!null ''", None),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
    ],
)
def test_core_tags(text: str, value: object) -> None:
    assert value_of(text) == value


def test_json_escapes_of_surrogate_pairs() -> None:
    assert value_of(r'{"a": "\ud83d\ude00", "b": "\\ud83d\\ude00", "c": "\\"}') == {
        "a": "😀",
        "b": r"\ud83d\ude00",
        "c": "\\",
    }
    assert value_of(r"""["a", "\ud83d\ude00"]""") == ["a", "😀"]
    assert "invalid Unicode character escape" in refusal_of(r'{"a": "\ud83d"}')
    # In YAML that is no JSON a quoted backslash is only a backslash.
    assert value_of(r"['\ud83d\ude00']") == [r"\ud83d\ude00"]


def test_blocks_keep_their_line_ends() -> None:
    assert value_of("a: |\n  x: 1\n  y\nb: >-\n  one\n  two\n") == {"a": "x: 1\ny\n", "b": "one two"}


def test_several_documents_and_empty_ones() -> None:
    found = load_documents("# nothing\n---\na: 1\n---\n---\n- b\n...\n", name="f.yaml")
    assert [document.value for document in found] == [{"a": 1}, ["b"]]
    assert [document.position() for document in found] == [(3, 1), (6, 1)]


def test_an_explicit_null_is_a_document() -> None:
    assert [document.value for document in load_documents("--- null\n", name="f.yaml")] == [None]


def test_bytes_and_a_byte_order_mark() -> None:
    assert value_of("\ufeffa: ü".encode()) == {"a": "ü"}


def test_anchors_and_merge_keys() -> None:
    text = """
base: &base {cpu: 1, memory: 2}
other: &other {memory: 3, disk: 4}
one: {<<: *base, cpu: 9}
many: {<<: [*base, *other]}
plain: *base
"""
    value = value_of(text)
    assert value == {
        "base": {"cpu": 1, "memory": 2},
        "other": {"memory": 3, "disk": 4},
        "one": {"cpu": 9, "memory": 2},
        "many": {"cpu": 1, "memory": 2, "disk": 4},
        "plain": {"cpu": 1, "memory": 2},
    }
    assert isinstance(value, dict)
    assert value["plain"] is not value["base"]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value_of("'<<': {a: 1}") == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: key 'a' is already set in this mapping; keep one of the two"),
        ("x: {'1': a, 1: b}", "f.yaml:1:13: key '1' is already set in this mapping; keep one of the two"),
        ("on: x", 'f.yaml:1:1: YAML reads the key `on` as true; write "on" in quotes'),
        ("y: 1", 'f.yaml:1:1: YAML reads the key `y` as true; write "y" in quotes'),
        ("0x10: x", 'f.yaml:1:1: YAML reads the key `0x10` as 16; write "0x10" in quotes'),
        ("1.0: x", 'f.yaml:1:1: YAML reads the key `1.0` as 1; write "1.0" in quotes'),
        ("~: x", 'f.yaml:1:1: YAML reads the key `~` as null; write "~" in quotes'),
        ("? [a]\n: 1", "f.yaml:1:3: a key must be text, not a list or a mapping"),
        ("a:\n\tb", TAB_REFUSAL),
        ("a: [1", "f.yaml:2:1: not valid YAML: did not find expected ',' or ']'; while parsing a flow sequence"),
        ("a: b: c", "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        ("ü: é\n\x01", "f.yaml:2:1: not valid YAML: control characters are not allowed"),
        (b"a: 1\nb: \xff", "f.yaml:2:4: byte 0xff is not UTF-8; YAML files are UTF-8"),
        ("a: *nope", "f.yaml:1:4: not valid YAML: found undefined alias"),
        ("a: &a [*a]", "f.yaml:1:4: an anchor contains itself"),
        ("a: .inf", 'f.yaml:1:4: .inf has no JSON value; write ".inf" in quotes if it is text'),
        ("a: !foo 1", "f.yaml:1:4: tag !foo is not supported; leave the tag out, or use !!str"),
        ("a: !!binary aGk=", "f.yaml:1:4: tag !!binary is not supported; leave the tag out, or use !!str"),
        ("a: !!set {x}", "f.yaml:1:4: tag !!set is not supported on a mapping; leave the tag out"),
        ("a: !!omap [x]", "f.yaml:1:4: tag !!omap is not supported on a list; leave the tag out"),
        ("a: !!int x", "f.yaml:1:4: 'x' is no !!int"),
        ("a: {<<: 1}", "f.yaml:1:9: a merge key `<<` needs a mapping or a list of mappings"),
    ],
)  # fmt: skip
def test_refusals_say_where_and_what(text: str | bytes, refusal: str) -> None:
    assert refusal_of(text) == refusal


def test_depth_is_bounded_before_anything_recurses() -> None:
    assert value_of("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    for depth in (DEPTH_MAX + 1, 100_000):
        assert f"nested deeper than {DEPTH_MAX} levels" in refusal_of("[" * depth + "]" * depth)


def test_aliases_cannot_blow_a_text_up() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]")
    assert f"aliases expand to more than {ALIAS_NODES_MAX} lists and mappings" in refusal_of("\n".join(lines))


def test_load_document_wants_exactly_one() -> None:
    with pytest.raises(InputError, match=r"f\.yaml: the file holds no document; expected exactly one"):
        load_document("# empty\n", name="f.yaml")
    with pytest.raises(InputError, match=r"f\.yaml:3:1: the file holds 2 documents; expected exactly one"):
        load_document("a: 1\n---\nb: 1\n", name="f.yaml")


TEXT = """\
metadata:
  name: web
  labels: {app: web, tier: front}
spec:
  containers:
  - name: a
    image: x
  - name: b
"""


@pytest.mark.parametrize(
    ("path", "of_key", "position"),
    [
        ((), False, (1, 1)),
        (("metadata",), False, (2, 3)),
        (("metadata",), True, (1, 1)),
        (("metadata", "labels", "tier"), False, (3, 28)),
        (("metadata", "labels", "tier"), True, (3, 22)),
        (("spec", "containers", 1), False, (8, 5)),
        (("spec", "containers", 1, "image"), False, (8, 5)),
        (("spec", "containers", 7), False, (6, 3)),
        (("spec", "nowhere", "at", "all"), False, (5, 3)),
    ],
)
def test_positions(path: tuple[str | int, ...], of_key: bool, position: tuple[int, int]) -> None:
    document = load_document(TEXT, name="f.yaml")
    assert document.position(path, of_key=of_key) == position
    assert document.where(path, of_key=of_key) == f"f.yaml:{position[0]}:{position[1]}"


def test_positions_go_through_merges() -> None:
    document = load_document("a: &a\n  x: 1\nb:\n  <<: *a\n  z: 2\n", name="f.yaml")
    assert document.position(("b", "x")) == (2, 6)
    assert document.position(("b", "z")) == (5, 6)


def test_a_value_without_text_has_no_positions() -> None:
    document = Document(value={"a": 1}, name="<dict>")
    assert document.position(("a",)) is None
    assert document.where(("a",)) == "<dict>"
    assert document.plain_text(("a",)) is None


def test_plain_text_is_that_of_unquoted_scalars() -> None:
    document = load_document("{a: NO, b: 'NO', c: [1_0]}", name="f.yaml")
    assert document.plain_text(("a",)) == "NO"
    assert document.plain_text(("b",)) is None
    assert document.plain_text(("c", 0)) == "1_0"
    assert document.plain_text(("c",)) is None
    assert document.plain_text(("d",)) is None


def json_values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Values that JSON and 64-bit Go numbers can hold."""
    numbers = st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
        max_leaves=20,
    )


# A key may have 1024 characters in YAML, escapes counted; a Kubernetes key has at most 317.
any_text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
# YAML forbids control characters that JSON may carry as they are.
readable_text = st.text(alphabet=st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=80)


@given(json_values(any_text), st.sampled_from([None, 2]))
def test_json_text_with_escapes_means_the_same(value: object, indent: int | None) -> None:
    documents = load_documents(json.dumps(value, indent=indent), name="f.json")
    assert [document.value for document in documents] == [value]


@given(json_values(readable_text), st.sampled_from([None, 2]))
def test_json_text_in_unicode_means_the_same(value: object, indent: int | None) -> None:
    documents = load_documents(json.dumps(value, indent=indent, ensure_ascii=False), name="f.json")
    assert [document.value for document in documents] == [value]
