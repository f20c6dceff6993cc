"""Paths as Go cleans them: the examples of its own tests."""

import pytest

from kubesim.policy.go_path import go_clean


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", "."),
        ("abc", "abc"),
        ("/", "/"),
        ("//", "/"),
        ("//abc", "/abc"),
        ("///abc", "/abc"),
        ("//abc//", "/abc"),
        ("abc/./def", "abc/def"),
        ("/./abc/def", "/abc/def"),
        ("abc/def/../..", "."),
        ("/abc/def/../../..", "/"),
        ("abc/def/../../../ghi/jkl/../../../mno", "../../mno"),
    ],
)
def test_clean(path, cleaned):
    assert go_clean(path) == cleaned
