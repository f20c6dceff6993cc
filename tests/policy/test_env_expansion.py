"""`$(VAR)` and sub paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.env_expansion import (
    SubPathError,
    checked_sub_path,
    expand_sub_path,
    expand_with,
    expand_words,
)

ENVIRONMENT = {"A": "one", "EMPTY": "", "REF": "$(A)"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "one"),
        ("x$(A)y$(A)z", "xoneyonez"),
        ("$(NONE)", "$(NONE)"),
        ("$(EMPTY)", ""),
        ("$(REF)", "$(A)"),  # one pass only
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$one"),
        ("$$$$", "$$"),
        ("$", "$"),
        ("end$", "end$"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("$($(A)", "$($(A)"),  # the name is `$(A`
        ("$()", "$()"),
        ("a$b$(A)", "a$bone"),
        ("${A}", "${A}"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand_with(text, ENVIRONMENT) == expected


def test_words() -> None:
    assert expand_words(["sh", "-c", "echo $(A)"], ENVIRONMENT) == ("sh", "-c", "echo one")


def test_sub_path_expression() -> None:
    assert expand_sub_path("logs/$(A)", ENVIRONMENT) == "logs/one"
    with pytest.raises(SubPathError) as caught:
        expand_sub_path("$(Z)/$(EMPTY)/$(B)/$(A)/$(B)", ENVIRONMENT)
    assert str(caught.value) == "missing value for B, EMPTY, Z"


@pytest.mark.parametrize("path", ["", "a", "a/b", "a..b", "..."])
def test_good_sub_paths(path: str) -> None:
    assert checked_sub_path(path) == path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a", "error SubPath `/a` must not be an absolute path"),
        ("..", "unable to provision SubPath `..`: must not contain '..'"),
        ("a/../b", "unable to provision SubPath `a/../b`: must not contain '..'"),
    ],
)
def test_bad_sub_paths(path: str, message: str) -> None:
    with pytest.raises(SubPathError) as caught:
        checked_sub_path(path)
    assert str(caught.value) == message


@given(text=st.text(alphabet="$()AB ", max_size=12))
def test_without_dollars_nothing_changes_and_doubled_dollars_hide_everything(text: str) -> None:
    if "$" not in text:
        assert expand_with(text, ENVIRONMENT) == text
    assert expand_with(text.replace("$", "$$"), ENVIRONMENT) == text
