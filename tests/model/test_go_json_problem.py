"""Go's words for text that is no JSON object. Real answers are in validation/broken_objects.txt."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.go_json_problem import go_object_problem


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)


@given(st.text('{}[]",:\\\x01 \n0159-+.eEtruefalsnN', max_size=12))
def test_a_syntax_error_is_one_to_python_too(text: str) -> None:
    problem = go_object_problem(text.encode())

    assert (problem is None or problem.startswith("json: cannot unmarshal")) == is_json(text)


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_python_writes_is_read(value: object) -> None:
    problem = go_object_problem(json.dumps(value).encode())

    assert (problem is None) == isinstance(value, dict | None)


@pytest.mark.parametrize("depth", [5_000])
def test_depth_is_no_matter(depth: int) -> None:
    assert go_object_problem(b'{"a":' * depth + b"1" + b"}" * depth) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[1.]", "invalid character ']' after decimal point in numeric literal"),
        (b"[1e]", "invalid character ']' in exponent of numeric literal"),
        (b"[1e+5, -]", "invalid character ']' in numeric literal"),
        (b'["\\x"]', "invalid character 'x' in string escape code"),
        (b'["\\u00g0"]', "invalid character 'g' in \\u hexadecimal character escape"),
        (b'["a\tb"]', "invalid character '\\t' in string literal"),
        ("é".encode(), "invalid character 'Ã' looking for beginning of value"),
        (b"'", "invalid character '\\'' looking for beginning of value"),
        (b'{"a":1 "', "invalid character '\"' after object key:value pair"),
    ],
)
def test_words_of_the_first_version_of_the_decoder(content: bytes, problem: str) -> None:
    assert go_object_problem(content) == problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "unexpected end of JSON input"),
        (b"[fals", "invalid character ' ' in literal false (expecting 'e')"),
        (b"-", "invalid character ' ' in numeric literal"),
        (b"1.", "invalid character ' ' after decimal point in numeric literal"),
        (b"1e+", "invalid character ' ' in exponent of numeric literal"),
        (b'"a', "unexpected end of JSON input"),
        (b'"\\', "invalid character ' ' in string escape code"),
        (b'"\\u1', "invalid character ' ' in \\u hexadecimal character escape"),
        (b'{"a":', "unexpected end of JSON input"),
    ],
)
def test_text_that_is_cut_off(content: bytes, problem: str) -> None:
    """As seen with Go 1.26, with which Kubernetes 1.36 is built; 1.27 has other words for some of them."""
    assert go_object_problem(content) == problem
