"""Variables of whole ConfigMaps and Secrets, and the names that old kubelets leave out."""

import pytest

from kubesim.model.validation.names import env_name_problems
from kubesim.policy.env_from import env_from, skipped_text

LETTERS = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is "
    "'[-._a-zA-Z][-._a-zA-Z0-9]*')"
)


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("A", []),
        ("a.b-c_1", []),
        (".a", []),
        ("-", []),
        ("1A", [LETTERS]),
        ("a b", [LETTERS]),
        ("", [LETTERS]),
        (".", ["must not be '.'"]),
        ("..", ["must not be '..'"]),
        ("..a", ["must not start with '..'"]),
        ("..%", [LETTERS, "must not start with '..'"]),
    ],
)
def test_strict_names(name: str, problems: list[str]) -> None:
    assert env_name_problems(name) == tuple(problems)


def test_up_to_1_29_bad_names_are_left_out() -> None:
    data = {"good": "1", "2bad": "2", "1bad": "3"}
    assert env_from(data, prefix="", minor=29) == ({"good": "1"}, ["1bad", "2bad"])
    assert env_from(data, prefix="P_", minor=29) == ({"P_good": "1", "P_2bad": "2", "P_1bad": "3"}, [])


def test_since_1_30_every_name_is_taken() -> None:
    assert env_from({"1 bad": "1"}, prefix="%", minor=30) == ({"%1 bad": "1"}, [])


def test_the_event() -> None:
    assert skipped_text(["1a", "2a"], kind="configMap", key="default/c") == (
        "Keys [1a, 2a] from the EnvFrom configMap default/c were skipped since they are considered invalid environment "
        "variable names."
    )
