"""Size and names, measured: a file that grew too long is split by idea, before it is too late."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FOLDERS_IN_A_ROOM_MAX = 2
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
GENERATED = re.compile(r"kubesim/model/k8s_\w+\.py")  # written by scripts/genmodel


def python_files() -> list[Path]:
    """Every Python file that git knows or would know, scripts without a suffix included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "kubesim", "tests", "scripts"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        found = [path for folder in ("kubesim", "tests", "scripts") for path in (ROOT / folder).rglob("*")]
    else:
        found = [ROOT / name for name in listed.stdout.splitlines()]
    return sorted(path for path in found if path.is_file() and is_python(path))


def is_python(path: Path) -> bool:
    """By its suffix, or by the first line of a script without one."""
    if path.suffix:
        return path.suffix == ".py"
    with path.open("rb") as file:
        return b"python" in file.readline()


def test_there_are_files_to_measure() -> None:
    assert len(python_files()) > 100


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in python_files()
        if not GENERATED.fullmatch(str(path.relative_to(ROOT)))
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }

    assert long == {}, f"split these by idea (limit {FILE_LINES_MAX} lines)"


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function with its length in lines, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            first = node.body[0]
            is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docstring


def test_functions_are_short() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{name}": count
        for path in python_files()
        for name, count in functions(path)
        if count > FUNCTION_LINES_MAX
    }

    assert long == {}, f"give the parts of these a name (limit {FUNCTION_LINES_MAX} lines)"


def test_no_module_has_a_vague_name() -> None:
    vague = [str(path.relative_to(ROOT)) for path in python_files() if path.stem.lstrip("_") in VAGUE_NAMES]

    assert vague == [], "name the module for the thing in it"


def test_rooms_are_at_most_two_folders_deep() -> None:
    deep = [
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.relative_to(ROOT).parts[0] == "kubesim"
        and len(path.relative_to(ROOT).parts) - 3 > FOLDERS_IN_A_ROOM_MAX
    ]

    assert deep == []


@pytest.mark.parametrize(
    "room",
    sorted(path.name for path in (ROOT / "kubesim").iterdir() if (path / "__init__.py").exists()),
)
def test_every_room_says_what_it_is_for(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / "kubesim" / room / "__init__.py").read_text(encoding="utf-8")))

    assert docstring is not None
    assert len(docstring) > 100
