"""Paths as the kubelet of a Windows node spells them."""

import pytest

from kubesim.policy.windows_paths import (
    absolute_path,
    is_absolute,
    is_local_path,
    is_unc_path,
    plain_path,
    windows_path,
)


@pytest.mark.parametrize(
    ("path", "spelled", "absolute", "plain"),
    [
        ("/foo/bar", "c:\\foo\\bar", "c:/foo/bar", "/foo/bar"),
        ("\\foo", "c:\\foo", "c:\\foo", "/foo"),
        ("foo", "foo", "c:\\foo", "foo"),
        ("d:\\foo", "d:\\foo", "d:\\foo", "/foo"),
    ],
)
def test_spellings(path: str, spelled: str, absolute: str, plain: str) -> None:
    assert (windows_path(path), absolute_path(path), plain_path(path)) == (spelled, absolute, plain)


@pytest.mark.parametrize(
    ("path", "is_local", "is_unc", "is_whole"),
    [
        ("/foo", True, False, True),
        ("\\foo", True, False, True),
        ("\\\\server\\share", False, True, True),
        ("\\\\.\\pipe\\containerd", False, True, True),
        ("c:\\foo", False, False, True),
        ("c:foo", False, False, False),
        ("/a:b", False, False, True),
        ("foo", False, False, False),
    ],
)
def test_kinds(path: str, is_local: bool, is_unc: bool, is_whole: bool) -> None:
    assert (is_local_path(path), is_unc_path(path), is_absolute(path)) == (is_local, is_unc, is_whole)
