"""Documents to types: every mistake with its place, what was found and what would be right."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, ValidationError, field
from msgspec import convert as msgspec_convert

from kubesim.errors import InputError
from kubesim.model.convert import convert, convert_all_errors, error_at, join_errors, value_at, without_nulls
from kubesim.model.k8s_v1 import Pod
from kubesim.model.mistakes import find_mistakes, nearest, one_of
from kubesim.model.paths import MapKey, field_path, format_path
from kubesim.model.yaml_text import Document, load_document


class Inner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    host_ip: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 80


class Outer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)] = "x"
    tag: Annotated[str, Meta(pattern="^[a-z]+$")] = "x"
    live: bool = False
    ratio: float = 0.5
    mode: Literal["fast", "slow"] = "fast"
    level: Literal[1, 2] = 1
    inner: Inner | None = None
    many: list[Inner] = field(default_factory=list)
    row: tuple[int, ...] = ()
    pair: Annotated[list[int], Meta(min_length=1, max_length=2)] = field(default_factory=lambda: [1])
    labels: dict[str, str] = field(default_factory=dict)
    either: str | int = 0
    shape: str | Inner = ""
    nothing: None = None
    free: Any = None


def mistakes_of(text: str) -> list[str]:
    return [str(error) for error in convert_all_errors(load_document(text, name="f"), Outer)]


def test_a_good_document_converts() -> None:
    document = load_document("{name: a, inner: {hostIp: h}, row: [1, 2], labels: {a: b}, free: [1, {}]}", name="f")
    found = convert(document, Outer)
    assert found == Outer(name="a", inner=Inner(host_ip="h"), row=(1, 2), labels={"a": "b"}, free=[1, {}])
    assert convert_all_errors(document, Outer) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{nmae: a}", "f:1:2: unknown field 'nmae', did you mean 'name'?"),
        ("{inner: {hostIP: a}}", "f:1:10: $.inner: unknown field 'hostIP', did you mean 'hostIp'?"),
        ("{inner: {zzz: a, hostIp: x}}", "f:1:10: $.inner: unknown field 'zzz'; known fields: hostIp, port"),
        ("{inner: {}}", "f:1:9: $.inner: missing required field 'hostIp'"),
        ("{inner: []}", "f:1:9: $.inner: found a list; expected a mapping"),
        ("{inner: {hostIp: x, port: 0}}", "f:1:27: $.inner.port: 0 is out of range; expected at least 1"),
        ("{inner: {hostIp: x, port: 65536}}", "f:1:27: $.inner.port: 65536 is out of range; expected at most 65535"),
        ("{inner: {hostIp: x, port: '80'}}",
         "f:1:27: $.inner.port: found the text '80'; expected an integer, leave the quotes out"),
        ("{inner: {hostIp: x, port: 1.5}}", "f:1:27: $.inner.port: found the number 1.5; expected an integer"),
        ("{inner: {hostIp: x, port: true}}", "f:1:27: $.inner.port: found the boolean true; expected an integer"),
        ("{name: NO}", 'f:1:8: $.name: found the boolean false; expected a string, write "NO" in quotes'),
        ("{name: 1_0}", 'f:1:8: $.name: found the number 10; expected a string, write "1_0" in quotes'),
        ("{name: [a]}", "f:1:8: $.name: found a list; expected a string"),
        ("{name: ''}", "f:1:8: $.name: the text is empty; expected at least 1 characters"),
        ("{name: abcdef}", "f:1:8: $.name: the text is too long; expected at most 5 characters"),
        ("{tag: A}", "f:1:7: $.tag: 'A' has the wrong form; expected a match of ^[a-z]+$"),
        ("{live: maybe}", "f:1:8: $.live: found the text 'maybe'; expected true or false"),
        ("{ratio: x}", "f:1:9: $.ratio: found the text 'x'; expected a number"),
        ("{mode: fst}", "f:1:8: $.mode: unknown value 'fst', did you mean 'fast'?; expected one of \"fast\", \"slow\""),
        ("{mode: 1}",
         'f:1:8: $.mode: found the number 1; expected one of "fast", "slow", write "1" in quotes'),
        ("{level: 3}", "f:1:9: $.level: found the number 3; expected one of 1, 2"),
        ("{many: {hostIp: x}}", "f:1:8: $.many: found a mapping; expected a list, start each entry with `- `"),
        ("{many: [{hostIp: x}, {hostIp: 1}]}",
         'f:1:31: $.many[1].hostIp: found the number 1; expected a string, write "1" in quotes'),
        ("{row: [1, a]}", "f:1:11: $.row[1]: found the text 'a'; expected an integer"),
        ("{pair: []}", "f:1:8: $.pair: the list is too short; expected at least 1 entries"),
        ("{pair: [1, 2, 3]}", "f:1:8: $.pair: the list is too long; expected at most 2 entries"),
        ("{labels: {a/b: 1}}",
         "f:1:16: $.labels['a/b']: found the number 1; expected a string, write \"1\" in quotes"),
        ("{labels: [a]}", "f:1:10: $.labels: found a list; expected a mapping"),
        ("{either: []}", "f:1:10: $.either: found a list; expected a string or an integer"),
        ("{shape: {port: 1}}", "f:1:9: $.shape: missing required field 'hostIp'"),
        ("{shape: 1}", 'f:1:9: $.shape: found the number 1; expected a string or a mapping, write "1" in quotes'),
        ("{nothing: 1}", "f:1:11: $.nothing: found the number 1; expected nothing"),
        ("[]", "f:1:1: found a list; expected a mapping"),
    ],
)  # fmt: skip
def test_one_mistake(text: str, line: str) -> None:
    assert mistakes_of(text) == [line]
    with pytest.raises(InputError) as caught:
        convert(load_document(text, name="f"), Outer)
    assert str(caught.value) == line


def test_all_mistakes_in_reading_order() -> None:
    assert mistakes_of("name: 1\nmany:\n- {}\n- {hostIp: a, prt: 1}\nlabels: {a: true}\n") == [
        'f:1:7: $.name: found the number 1; expected a string, write "1" in quotes',
        "f:3:3: $.many[0]: missing required field 'hostIp'",
        "f:4:15: $.many[1]: unknown field 'prt', did you mean 'port'?",
        'f:5:13: $.labels.a: found the boolean true; expected a string, write "true" in quotes',
    ]


def test_the_example_of_the_field() -> None:
    text = "kind: Pod\napiVersion: v1\nspec:\n  containers:\n  - name: a\n    livenesProbe: {}\n"
    with pytest.raises(InputError) as caught:
        convert(load_document(text, name="pod.yaml"), Pod)
    expected = "pod.yaml:6:5: $.spec.containers[0]: unknown field 'livenesProbe', did you mean 'livenessProbe'?"
    assert str(caught.value) == expected


def test_null_means_absent_unless_asked() -> None:
    document = load_document("{name: ~, labels: {a: ~, b: c}, row: ~, free: ~}", name="f")
    assert convert(document, Outer) == Outer(labels={"b": "c"})
    kept = convert_all_errors(document, Outer, null_is_absent=False)
    assert [str(error) for error in kept] == [
        "f:1:8: $.name: found nothing; expected a string",
        "f:1:23: $.labels.a: found nothing; expected a string",
        "f:1:38: $.row: found nothing; expected a list",
    ]
    assert without_nulls([None, {"a": None, "b": [{"c": None}]}]) == [None, {"b": [{}]}]


def test_a_part_of_a_document() -> None:
    document = load_document("items:\n- {hostIp: a}\n- {hostIp: 1}\n", name="f")
    assert convert(document, Inner, path=("items", 0)) == Inner(host_ip="a")
    assert str(convert_all_errors(document, Inner, path=("items", 1))[0]).startswith("f:3:12: $.items[1].hostIp: ")
    with pytest.raises(InputError, match=r"f:2:1: \$\.items\[2\]: there is nothing here"):
        value_at(document, ("items", 2))


def test_a_dict_has_a_name_and_no_lines() -> None:
    document = Document(value={"name": 1}, name="<dict>")
    assert [str(error) for error in convert_all_errors(document, Outer)] == [
        "<dict>: $.name: found the number 1; expected a string"
    ]


def test_good_parts_are_not_mentioned() -> None:
    found = mistakes_of("{ratio: 0.7, either: a, shape: {hostIp: h}, row: [1], labels: {a: b}, nothing: ~, level: x}")
    assert found == ["f:1:90: $.level: unknown value 'x'; expected one of 1, 2"]


def test_keys_of_a_python_dict_may_be_wrong() -> None:
    document = Document(value={"labels": {1: "a"}}, name="<dict>")
    assert [str(error) for error in convert_all_errors(document, Outer)] == [
        "<dict>: $.labels: key: found the number 1; expected a string"
    ]


def test_a_type_the_walk_does_not_know_keeps_the_words_of_msgspec() -> None:
    document = load_document("{a: 1}", name="f")
    with pytest.raises(InputError, match="f:1:1: Expected `bytes`, got `object`"):
        convert(document, bytes)


def test_join_errors() -> None:
    document = load_document("a: 1", name="f")
    one = error_at(document, ("a",), "bad", hint="good")
    two = error_at(document, ("a",), "bad key", at_key=True)
    assert str(join_errors([one, two])) == "f:1:4: $.a: bad; good\nf:1:1: bad key"
    with pytest.raises(ValueError, match="no errors to join"):
        join_errors([])


def test_paths() -> None:
    path = ("spec", "containers", 0, "labels", "a/b", "x")
    assert format_path(path) == "$.spec.containers[0].labels['a/b'].x"
    assert field_path(path) == "spec.containers[0].labels[a/b].x"
    assert field_path(("requests", MapKey("cpu"))) == "requests[cpu]"
    assert (format_path(()), field_path(())) == ("$", "")


def test_nearest_and_choices() -> None:
    assert nearest("Fst", ["fast", "slow"]) == ", did you mean 'fast'?"
    assert nearest("zzz", ["fast", "slow"]) == ""
    assert one_of(["a"]) == '"a"'
    assert one_of(range(20)) == "one of " + ", ".join(map(str, range(16))) + ", ..."


wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70000)
    | st.floats(0, 1)
    | st.sampled_from(["a", "fast", "", "long text"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["hostIp", "port", "a", "1"]), inner, max_size=3)
    ),
    max_leaves=8,
)
names = [
    "name",
    "tag",
    "on",
    "ratio",
    "mode",
    "level",
    "inner",
    "many",
    "row",
    "pair",
    "labels",
    "either",
    "shape",
    "zz",
]


@given(st.dictionaries(st.sampled_from(names), wild, max_size=4))
def test_the_walk_agrees_with_msgspec(value: dict[str, Any]) -> None:
    try:
        msgspec_convert(value, Outer, strict=True)
    except ValidationError:
        refused = True
    else:
        refused = False
    assert bool(list(find_mistakes(value, Outer))) == refused
