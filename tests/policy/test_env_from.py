"""Variables of whole ConfigMaps and Secrets, and the names that old kubelets leave out."""

import pytest

from kubesim.policy.env_from import env_from, is_strict_name, skipped_text


@pytest.mark.parametrize(
    ("name", "is_strict"),
    [
        ("A", True),
        ("a.b-c_1", True),
        (".a", True),
        ("-", True),
        ("1A", False),
        ("a b", False),
        ("", False),
        (".", False),
        ("..", False),
        ("..a", False),
    ],
)
def test_strict_names(name: str, is_strict: bool) -> None:
    assert is_strict_name(name) is is_strict


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
