"""One user of a large passwd file is found without reading all of it, and is the one that reading all of it finds."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.userland.files import passwd
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.passwd import entry_of_uid, parse_passwd, user_of_uid

NUMBERS = st.sampled_from(
    ["0", "7", "+7", "007", "-7", "-0", " 7", "17", "4294967295", "4294967296", "9" * 30, "x", ""]
)
LINES = st.builds(
    lambda name, uid, gid: f"{name}:x:{uid}:{gid}::/h:/s", st.sampled_from(["a", "#b", "+c", "7"]), NUMBERS, NUMBERS
)


class OneFile:
    """A file system with nothing but one file."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def as_root(self) -> OneFile:
        return self

    def read(self, path: str) -> bytes:
        assert path == "/etc/passwd"
        return self.content


@given(st.lists(LINES, max_size=6).map("\n".join), st.sampled_from([0, 7, 17, 4294967295, 5]))
def test_the_same_user_whatever_the_size(text: str, uid: int) -> None:
    files = cast("FileSystem", OneFile(text.encode()))
    expected = entry_of_uid(parse_passwd(files), uid)

    assert user_of_uid(files, uid) == expected
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwd, "KNOWN_BYTES_MAX", -1)
        assert user_of_uid(files, uid) == expected


def test_the_first_process_of_a_container_with_a_large_file_gets_its_home(monkeypatch: Any) -> None:
    files = cast("FileSystem", OneFile(b"a:x:5:5::/a:/s\n" * 10_000 + b"b:x:6:6::/b:/s\n"))
    read: list[str] = []
    number = passwd._number

    def counted(row: list[str], index: int) -> int | None:
        read.append(row[0])
        return number(row, index)

    monkeypatch.setattr(passwd, "_number", counted)
    found = user_of_uid(files, 6)

    assert found is not None
    assert found.home == "/b"
    assert set(read) == {"b"}
