"""Snippets of shell, and what busybox and dash make of them: one file per topic in corpus/.

    script
    ---- exit CODE
    its standard output
    [stderr]
    its standard error
    ---- dash exit CODE
    the same of dash, where that does something else
    ====

Each script runs in our shell, and in Debian's busybox 1.35 and dash 0.5.12 where they are on this machine: the first
two must do exactly what is recorded. A script without a section for dash does the same there, apart from the form of
messages: dash puts the line in another place of them and writes syntax errors in another order (`_alike`). Instead of
its section there may be a line that says why dash is not asked:

    ---- not in dash: REASON

`KUBESIM_RECORD_CORPUS=1 pytest tests/userland/test_corpus.py -k real` writes the files anew, with both of them on the
machine: read the diff. A new script is just its text; `====` stands between scripts.

A script whose first line is `# in real time` depends on how fast the machine is: sleeps that order what happens, a race
that is rarely lost. Ours runs in virtual time and is always asked; the real ones only when recording, or with
KUBESIM_REAL_TIME=1. Messages about wrong options are compared up to the usage.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.kernel import Kernel
from kubesim.model.frozen_records import replace
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A script and what is recorded of it. `dash` is "" where dash does the same."""

    script: str
    busybox: str
    dash: str

    def text(self) -> str:
        """As it stands in the file."""
        return f"{self.script}\n{self.busybox}{self.dash}".removesuffix("\n")

    @property
    def is_in_real_time(self) -> bool:
        """Whether the speed of the machine decides."""
        return self.script.startswith("# in real time\n")


_SECTION = re.compile(r"^---- (?:exit |dash exit |not in dash: )", re.MULTILINE)


def _read(path: Path) -> list[Snippet]:
    """The snippets of a file."""
    found = []
    for block in path.read_text(encoding="utf-8").removesuffix("\n").split("\n====\n"):
        marks = list(_SECTION.finditer(block))
        script = block[: marks[0].start()].removesuffix("\n") if marks else block
        sections = {"exit": "", "dash": ""}
        ends = [*(mark.start() for mark in marks[1:]), len(block)]
        for mark, end in zip(marks, ends[: len(marks)], strict=True):
            kind = "exit" if mark[0] == "---- exit " else "dash"
            sections[kind] = block[mark.start() : end] + ("\n" if end == len(block) else "")
        if script.strip():
            found.append(Snippet(script=script, busybox=sections["exit"], dash=sections["dash"]))
    return found


def _alike(recorded: str) -> str:
    """What both shells say, in one form: without lines, and syntax errors in the order of busybox."""
    text = re.sub(r"^(\S+): (?:(\S+: )?line )?\d+: ", r"\1: \2", recorded, flags=re.MULTILINE)
    text = re.sub(r"^(\S+: (?:\S+: )?)Syntax error: (\S)", _small, text, flags=re.MULTILINE)
    return re.sub(r"(syntax error: )(.*) unexpected(?=$| \()", r"\1unexpected \2", text, flags=re.MULTILINE)


def _small(match: re.Match[str]) -> str:
    return f"{match[1]}syntax error: {match[2].lower()}"


CASES = [
    pytest.param(snippet, id=f"{path.stem}-{number}")
    for path in sorted(CORPUS.glob("*.txt"))
    for number, snippet in enumerate(_read(path), start=1)
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


def _real(script: str, directory: Path, bin_directory: Path) -> str:
    directory.mkdir(parents=True, exist_ok=True)
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
    ).text()


def _version_of(package: str) -> str:
    """What dpkg has installed; "" when it has not, or there is no dpkg."""
    if shutil.which("dpkg-query") is None or shutil.which(package) is None:
        return ""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, check=False)
    return asked.stdout.decode()


def _why_not(package: str, version: str) -> str:
    """Why one of the real shells cannot be asked here; "" when it can."""
    installed = _version_of(package)
    if not installed:
        return f"Debian's {package} is not on this machine (apt-get install {package})"
    if not installed.removeprefix("1:").startswith(version):
        return f"the recordings are those of {package} {version}, not of {installed}"
    return "" if os.geteuid() == 0 else "the recordings are those of root"


WHY_NOT_BUSYBOX = _why_not("busybox", "1.35.")
WHY_NOT_DASH = WHY_NOT_BUSYBOX or _why_not("dash", "0.5.12")
IS_RECORDING = os.environ.get("KUBESIM_RECORD_CORPUS") == "1"
IS_REAL_TIME = IS_RECORDING or os.environ.get("KUBESIM_REAL_TIME") == "1"


def _bin_directory(directory: Path, sh: str) -> Path:
    """The applets that are emulated, as the real busybox, and a shell: what is not emulated is not found in either."""
    for name in APPLETS:
        (directory / name).symlink_to(shutil.which("busybox") or "busybox")
    (directory / "sh").unlink()
    (directory / "sh").symlink_to(shutil.which(sh) or sh)
    return directory


@pytest.fixture(scope="module")
def busybox_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shell is busybox."""
    return _bin_directory(tmp_path_factory.mktemp("bin"), "busybox")


@pytest.fixture(scope="module")
def dash_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shell is dash, and the programs are busybox."""
    return _bin_directory(tmp_path_factory.mktemp("dash"), "dash")


def _of_dash(said: str, busybox: str) -> str:
    """The section of dash: none where it does the same."""
    return "" if _alike(said) == _alike(busybox) else said.replace("---- exit", "---- dash exit", 1)


@pytest.mark.parametrize("snippet", CASES)
def test_our_shell_does_what_is_recorded(snippet: Snippet) -> None:
    assert _ours(snippet.script).text() == snippet.busybox


@pytest.mark.skipif(WHY_NOT_BUSYBOX != "", reason=WHY_NOT_BUSYBOX)
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: path.stem)
def test_what_is_recorded_is_what_the_real_busybox_says(
    path: Path, busybox_bin: Path, dash_bin: Path, tmp_path: Path
) -> None:
    snippets = [snippet for snippet in _read(path) if IS_REAL_TIME or not snippet.is_in_real_time]
    said = [
        replace(snippet, busybox=_real(snippet.script, tmp_path / str(number), busybox_bin))
        for number, snippet in enumerate(snippets)
    ]
    if IS_RECORDING:
        if not WHY_NOT_DASH:
            said = [_with_dash(one, tmp_path / f"dash-{number}", dash_bin) for number, one in enumerate(said)]
        path.write_text("\n====\n".join(snippet.text() for snippet in said) + "\n", encoding="utf-8")
    assert said == [snippet for snippet in _read(path) if IS_REAL_TIME or not snippet.is_in_real_time]


@pytest.mark.skipif(WHY_NOT_DASH != "", reason=WHY_NOT_DASH)
@pytest.mark.skipif(IS_RECORDING, reason="the files are being written")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: path.stem)
def test_what_is_recorded_is_what_the_real_dash_says(path: Path, dash_bin: Path, tmp_path: Path) -> None:
    snippets = [snippet for snippet in _read(path) if IS_REAL_TIME or not snippet.is_in_real_time]

    assert [_with_dash(one, tmp_path / str(number), dash_bin) for number, one in enumerate(snippets)] == snippets


def _with_dash(snippet: Snippet, directory: Path, dash_bin: Path) -> Snippet:
    """A snippet with what the real dash says now."""
    if snippet.dash.startswith("---- not in dash: "):
        return snippet
    return replace(snippet, dash=_of_dash(_real(snippet.script, directory, dash_bin), snippet.busybox))
