"""Every script can be asked what it does: it starts, and what it imports is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_tidy import is_python

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "scripts").rglob("*")
    if path.is_file() and not path.suffix and is_python(path)
)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_says_what_it_does(script: str) -> None:
    done = run(script, "--help")
    if "atheris is not installed" in done.stderr:
        pytest.skip("atheris, which fuzzes, is not installed")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {Path(script).name} ")


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_size_that_is_none_is_told(text: str) -> None:
    done = run("scripts/bench/kernel", text)

    assert done.returncode == 2
    assert done.stderr.endswith(f"kernel: error: argument events: {text!r} is no whole number from 1 on\n")
