"""Snippets of shell, and what busybox makes of them: one file per topic in corpus/.

    script
    ---- exit CODE
    its standard output
    [stderr]
    its standard error
    ====

What is recorded was said by Debian's busybox 1.35 (`KUBESIM_RECORD_CORPUS=1 pytest tests/userland/test_corpus.py` with
that busybox on the machine writes it anew: read the diff). Messages about wrong options are compared up to the usage.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubesim.images.tree import build_tree, directory_node, file_node
from kubesim.kernel import Kernel
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import ROOT, ProcessSpec, ProcessTable

CORPUS = Path(__file__).parent / "corpus"
NO_NEWLINE = "[no newline]"
LIMIT_NS = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a script did."""

    code: int
    stdout: str
    stderr: str

    def text(self) -> str:
        """As it is recorded."""
        parts = [f"---- exit {self.code}\n", _closed(self.stdout)]
        if self.stderr:
            parts += ["[stderr]\n", _closed(self.stderr)]
        return "".join(parts)


def _closed(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n{NO_NEWLINE}\n"


def _read(path: Path) -> list[tuple[str, str]]:
    """Scripts, and what is recorded of them."""
    blocks = path.read_text(encoding="utf-8").removesuffix("\n").split("\n====\n")
    found = []
    for block in blocks:
        script, mark, recorded = block.partition("\n---- exit ")
        if script.strip():
            found.append((script, f"---- exit {recorded}\n" if mark else ""))
    return found


CASES = [
    pytest.param(script, recorded, id=f"{path.stem}-{number}")
    for path in sorted(CORPUS.glob("*.txt"))
    for number, (script, recorded) in enumerate(_read(path), start=1)
]

TREE = build_tree(
    [
        *((f"/bin/{name}", file_node(b"", mode=0o755, program=f"busybox:{name}")) for name in APPLETS),
        ("/etc/passwd", file_node(b"root:x:0:0:root:/root:/bin/sh\n")),
        ("/etc/group", file_node(b"root:x:0:\n")),
        ("/root", directory_node(mode=0o700)),
        ("/tmp", directory_node(mode=0o1777)),
        ("/tmp/something", file_node()),
    ]
)


def _ours(script: str) -> Outcome:
    kernel = Kernel()
    stdout: list[bytes] = []
    stderr: list[bytes] = []
    spec = ProcessSpec(
        argv=("sh", "-c", script),
        env=(("PATH", "/bin"), ("HOME", "/root")),
        cwd="/work",
        credentials=ROOT,
        stdout=stdout.append,
        stderr=stderr.append,
    )
    files = FileSystem(TREE, clock=lambda: kernel.now_ns)
    process = ProcessTable(kernel).start(files, spec, hostname="pod")
    kernel.run_until(kernel.now_ns + LIMIT_NS)
    assert process.status is not None, "the script did not end"
    return Outcome(
        code=process.status.code,
        stdout=b"".join(stdout).decode(errors="replace"),
        stderr=b"".join(stderr).decode(errors="replace"),
    )


def _busybox(script: str, directory: Path, bin_directory: Path) -> Outcome:
    directory.mkdir(exist_ok=True)
    ended = subprocess.run(
        ["sh", "-c", script],
        executable=bin_directory / "sh",
        cwd=directory,
        env={"PATH": str(bin_directory), "HOME": "/root"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Outcome(
        code=ended.returncode if ended.returncode >= 0 else 128 - ended.returncode,
        stdout=ended.stdout.decode(errors="replace"),
        stderr=ended.stderr.decode(errors="replace"),
    )


def _why_not_busybox() -> str:
    """Why busybox cannot be asked here; "" when it can."""
    if not os.environ.get("KUBESIM_BUSYBOX"):
        # Scripts that sleep run in real time there: once, beside other work, what it said differed from the recording.
        return "the real busybox is asked only with KUBESIM_BUSYBOX=1 set"
    path = shutil.which("busybox")
    if path is None:
        return "busybox is not on this machine"
    banner = subprocess.run([path], capture_output=True, check=False).stdout.partition(b"\n")[0]
    if not banner.startswith(b"BusyBox v1.35."):
        return f"the recordings are those of busybox 1.35, not of {banner[:20].decode(errors='replace')}"
    return "" if os.geteuid() == 0 else "the recordings are those of root"


@pytest.fixture(scope="module")
def bin_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applets that are emulated, as the real busybox: what is not emulated is not found in either."""
    directory = tmp_path_factory.mktemp("bin")
    for name in APPLETS:
        (directory / name).symlink_to(shutil.which("busybox") or "busybox")
    return directory


@pytest.mark.parametrize(("script", "recorded"), CASES)
def test_our_shell_does_what_is_recorded(script: str, recorded: str) -> None:
    assert _ours(script).text() == recorded


@pytest.mark.skipif(_why_not_busybox() != "", reason=_why_not_busybox())
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: path.stem)
def test_what_is_recorded_is_what_busybox_says(path: Path, bin_directory: Path, tmp_path: Path) -> None:
    said = [
        (script, _busybox(script, tmp_path / str(number), bin_directory).text())
        for number, (script, _) in enumerate(_read(path))
    ]
    if os.environ.get("KUBESIM_RECORD_CORPUS") == "1":
        blocks = [f"{script}\n{text.removesuffix(chr(10))}" for script, text in said]
        path.write_text("\n====\n".join(blocks) + "\n", encoding="utf-8")
    assert said == _read(path)
