"""`scripts/genproto`: the committed outputs are those that proto/ compiles to, and --check says so when not."""

import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/genproto"
PROTO = "proto/runtime/v1/api.proto"
DESCRIPTOR_SET = "kubesim/cri/descriptor_set.binpb"
STUBS = "kubesim/cri/api.pyi"

MISSING = [name for name in ("grpc_tools", "mypy_protobuf") if importlib.util.find_spec(name) is None]
needs_compiler = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def genproto(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / SCRIPT), *arguments], capture_output=True, text=True, check=False, cwd="/"
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that the script reads and writes."""
    for name in (SCRIPT, PROTO, DESCRIPTOR_SET, STUBS):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@needs_compiler
def test_the_committed_outputs_are_up_to_date() -> None:
    done = genproto(ROOT, "--check")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_compiler
def test_a_new_field_makes_both_outputs_stale_until_the_script_runs(checkout: Path) -> None:
    edit(checkout / PROTO, "  string runtime_api_version = 4;", "  string mood = 5;\n  string runtime_api_version = 4;")

    stale = genproto(checkout, "--check")
    written = genproto(checkout)
    fresh = genproto(checkout, "--check")

    assert stale.returncode == 1
    assert f"genproto: {DESCRIPTOR_SET} is stale" in stale.stderr
    assert f"genproto: {STUBS} is stale" in stale.stderr
    assert "run scripts/genproto and commit the result" in stale.stderr
    assert written.returncode == 0
    assert "2 of 2 outputs changed" in written.stdout
    assert fresh.returncode == 0


@needs_compiler
def test_a_reworded_comment_changes_the_stubs_only(checkout: Path) -> None:
    edit(checkout / PROTO, "// One address of a sandbox.", "// An address of a sandbox.")

    stale = genproto(checkout, "--check")

    assert stale.returncode == 1
    assert STUBS in stale.stderr
    assert DESCRIPTOR_SET not in stale.stderr


@needs_compiler
def test_a_missing_output_is_named_and_nothing_is_written(checkout: Path) -> None:
    (checkout / DESCRIPTOR_SET).unlink()

    stale = genproto(checkout, "--check")

    assert stale.returncode == 1
    assert stale.stderr.startswith(f"genproto: {DESCRIPTOR_SET} is missing; run scripts/genproto")
    assert not (checkout / DESCRIPTOR_SET).exists()


@needs_compiler
def test_a_proto_that_does_not_compile_is_refused_and_the_outputs_stay(checkout: Path) -> None:
    edit(checkout / PROTO, "message PodIP {", "message PodIP {{")
    before = (checkout / DESCRIPTOR_SET).read_bytes()

    done = genproto(checkout)

    assert done.returncode == 2
    assert f"genproto: the compiler refused {PROTO}; its message is above" in done.stderr
    assert (checkout / DESCRIPTOR_SET).read_bytes() == before


def load_script() -> ModuleType:
    loader = SourceFileLoader("genproto", str(ROOT / SCRIPT))
    spec = importlib.util.spec_from_loader("genproto", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode  # no scripts/genprotoc left behind
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    script = load_script()
    monkeypatch.setattr(script, "TOOLS", ("no-such-compiler",))

    assert script.main(["--check"]) == 2
    assert "no-such-compiler is not installed; run " in capsys.readouterr().err
