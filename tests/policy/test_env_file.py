"""Files of variables for fileKeyRef."""

import pytest

from kubesim.policy.env_file import LINE_BYTES_MAX, EnvFileError, env_file_value

AT = "invalid environment variable format at line"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K='v'", "v"),
        ("K='v'\n", "v"),
        ("\n  \t\n# K='no'\n  K='v' # yes\nbroken", "v"),
        ("K=''", ""),
        ("A='1'\nK='2'\nK='3'\n", "2"),
        ("K= 'v'", ""),
        ("A= 'v'\nK='k'", "k"),
        ("K='a\nb\n  c'\n", "a\nb\n  c"),
        ("K='v'\r\n", "v"),
        ("K='$HOME \\n \"x\"'", '$HOME \\n "x"'),
        ("A.b-c='x'\nK='=y='", "=y="),
        ("A='1'", ""),
        ("", ""),
        ("A='1'\n" + "x" * (LINE_BYTES_MAX - 7) + "='2'\nK='k'", "k"),
    ],
)
def test_value(text: str, value: str) -> None:
    assert env_file_value(text.encode(), "K") == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("K", f"{AT} 1: missing '='"),
        ("\nexport A='1'\n='v'", f"{AT} 3: empty variable name"),
        (" ='v'", f"{AT} 1: empty variable name"),
        ("K ='v'", f"{AT} 1: whitespace before '=' is not allowed"),
        ("K=v", f"{AT} 1: value must be enclosed in single quotes"),
        ('K="v"', f"{AT} 1: value must be enclosed in single quotes"),
        ("K=", f"{AT} 1: value must be enclosed in single quotes"),
        ("A='x\ny' z", f"{AT} 2: unexpected content after closing quote"),
        ("A='1'\nK='x\ny\n", "invalid environment variable format starting at line 2: unclosed single quote"),
        ("A='1'\n" + "x" * LINE_BYTES_MAX, "bufio.Scanner: token too long"),
    ],
)
def test_what_breaks_the_rules(text: str, problem: str) -> None:
    with pytest.raises(EnvFileError) as caught:
        env_file_value(text.encode(), "K")
    assert str(caught.value) == problem


def test_bytes_that_are_no_text_come_through() -> None:
    assert env_file_value(b"K='\xff'", "K").encode(errors="surrogateescape") == b"\xff"
