"""Golden files: text that a test found, compared with what somebody read and committed."""

from __future__ import annotations

import difflib
from pathlib import Path

from kubesim.errors import ExpectationFailed, InputError

SUFFIX = ".txt"


def compare_golden(path: Path, text: str, *, rewrite: bool = False) -> None:
    """Compare `text` with the content of a `.txt` file (UTF-8), line ends included.

    With `rewrite` the file, and its folder, are written instead; a file that is right already is not touched.
    Raises ExpectationFailed with a unified diff, or for a file that is not there; InputError for another suffix.
    """
    if path.suffix != SUFFIX:
        raise InputError("a golden file is a .txt file", where=str(path), hint=f"name it {path.with_suffix(SUFFIX)}")
    golden = path.read_bytes().decode() if path.exists() else None
    if golden == text:
        return
    if rewrite:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return
    if golden is None:
        raise ExpectationFailed(f"{path}: there is no such golden file; pytest --kubesim-rewrite writes it")
    raise ExpectationFailed(f"{path}: the text differs; pytest --kubesim-rewrite accepts it\n{_diff(golden, text)}")


def _diff(golden: str, text: str) -> str:
    lines = difflib.unified_diff(
        golden.splitlines(keepends=True), text.splitlines(keepends=True), fromfile="golden", tofile="found"
    )
    # A last line without an end would run into the next one of the diff, and differ from it invisibly.
    return "".join(line if line.endswith("\n") else line + "\n\\ no newline at the end\n" for line in lines)
