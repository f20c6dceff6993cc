"""Comparing text with golden files."""

from pathlib import Path

import pytest

from kubesim.errors import ExpectationFailed, InputError
from kubesim.testing.golden import compare_golden


def test_the_same_text_passes_and_the_file_is_not_touched(tmp_path: Path) -> None:
    golden = tmp_path / "a.txt"
    golden.write_text("ä\n", encoding="utf-8")
    golden.chmod(0o444)
    before = golden.stat().st_mtime_ns
    compare_golden(golden, "ä\n")
    compare_golden(golden, "ä\n", rewrite=True)

    assert golden.stat().st_mtime_ns == before


def test_a_difference_is_shown_with_both_sides(tmp_path: Path) -> None:
    golden = tmp_path / "a.txt"
    golden.write_text("same\nold\n")
    with pytest.raises(ExpectationFailed) as caught:
        compare_golden(golden, "same\nnew\n")

    assert str(caught.value).splitlines() == [
        f"{golden}: the text differs; pytest --kubesim-rewrite accepts it",
        "--- golden",
        "+++ found",
        "@@ -1,2 +1,2 @@",
        " same",
        "-old",
        "+new",
    ]


@pytest.mark.parametrize(("golden", "found"), [("a\n", "a"), ("a", "a\n"), ("a\n", "a\r\n"), ("", "\n")])
def test_line_ends_count(golden: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(golden.encode())
    with pytest.raises(ExpectationFailed, match="the text differs"):
        compare_golden(tmp_path / "a.txt", found)
    compare_golden(tmp_path / "a.txt", found, rewrite=True)
    compare_golden(tmp_path / "a.txt", found)


def test_a_missing_end_of_line_is_visible(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\nb")
    with pytest.raises(ExpectationFailed, match=r"-b\n\\ no newline at the end\n\+b\n$"):
        compare_golden(tmp_path / "a.txt", "a\nb\n")


def test_a_file_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ExpectationFailed, match="there is no such golden file; pytest --kubesim-rewrite writes it"):
        compare_golden(tmp_path / "a.txt", "")


def test_only_txt_files_are_golden(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json: a golden file is a \.txt file; name it .*a\.txt"):
        compare_golden(tmp_path / "a.json", "", rewrite=True)
    assert list(tmp_path.iterdir()) == []
