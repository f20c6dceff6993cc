"""Scripts of an image fixture's programs: what a program does by itself, and when.

    programs:
      /app/server:
        script:
          output:
          - {line: listening on :8080, at: 1s}
          - {line: tick, every: 10s, stream: stderr, times: 3}     # at 10 s, 20 s and 30 s
          - {text: "no newline", at: 2s, every: 1m}                # at 2 s, 62 s, 122 s ...
          files:
          - {path: /tmp/ready, text: "", at: 5s}                   # written anew
          - {path: /tmp/ready, remove: true, at: 1m}
          memory:
          - {grow: 10Mi, every: 1s}
          ports:
          - {port: 8080, at: 2s}                                   # accepts connections, on all addresses of the pod
          identity:
          - {groups: [], gid: 123, uid: 123, at: 3s}               # setgroups, setgid and setuid, as a daemon does
          exitAfter: 30s                                           # left out: it runs until a signal ends it
          exitCode: 3
          signals:
            TERM: {output: [{line: draining}], after: 2s, exitCode: 0}
            HUP: {output: [{line: reloaded}]}                      # no exitCode: it goes on
            INT: ignore

Times count from the start of the program, those of a signal from its arrival. What is due at one instant happens in
the order output, files, memory, ports, identity, exit, each list as it is written. A signal that is not named does
what it does to any program: pid 1 of a container is not ended by one. A file that cannot be written, a port that is
taken or an identity that is not allowed ends the program with code 1. Who connects to a port is read, and answered
nothing, until he closes; services that answer are in `kubesim.model.service_spec`.

`read_script` checks and measures what was written. An image's file carries the script as text (`encoded_script`), so
that it survives an export and a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from kubesim.errors import InputError
from kubesim.model.mistakes import nearest
from kubesim.model.paths import Path
from kubesim.model.quantity import parse_quantity
from kubesim.model.script_reader import Report, ScriptReader
from kubesim.model.service_script import Listen, read_ports
from kubesim.model.service_spec import PortSpec

CATCHABLE_SIGNALS = (
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
    "CHLD", "CONT", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
)  # fmt: skip
"""Signals that a program can have a handler for. Mirrors linux: man 7 signal."""

Stream = Literal["stdout", "stderr"]
Id = Annotated[int, Meta(ge=0, le=2**32 - 2)]
"""A user or a group; the highest number of 32 bits stands for none."""
ExitCode = Annotated[int, Meta(ge=0, le=255)]


class OutputSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something the program writes: a line, or text as it is."""

    line: str | None = None
    """Written with a newline behind it."""
    text: str | None = None
    stream: Stream = "stdout"
    at: str | None = None
    """A Go duration. With `every` it is the first time; left out it is the start, or one period after it."""
    every: str | None = None
    """A Go duration."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """How often in all; None: without end. Only with `every`."""


class FileWriteSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file the program writes or removes."""

    path: str
    """A relative one starts at the working directory."""
    text: str | None = None
    remove: bool = False
    at: str | None = None


class MemorySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Memory the program takes and never gives back."""

    grow: str | int
    """Bytes, a Kubernetes quantity ("10Mi")."""
    at: str | None = None
    every: str | None = None
    times: Annotated[int, Meta(ge=1)] | None = None


class IdentitySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another identity that the program takes on, as a daemon does that drops its privileges."""

    uid: Id | None = None
    gid: Id | None = None
    groups: list[Id] | None = None
    at: str | None = None


class SignalSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """What the program does when a signal arrives."""

    output: list[OutputSpec] = field(default_factory=list)
    after: str | None = None
    """A Go duration: how long after the signal it exits. Only with `exitCode`."""
    exit_code: ExitCode | None = None
    """None: it goes on."""


class ScriptSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A program's script as written."""

    output: list[OutputSpec] = field(default_factory=list)
    files: list[FileWriteSpec] = field(default_factory=list)
    memory: list[MemorySpec] = field(default_factory=list)
    ports: list[PortSpec] = field(default_factory=list)
    identity: list[IdentitySpec] = field(default_factory=list)
    exit_after: str | None = None
    exit_code: ExitCode = 0
    signals: dict[str, Literal["ignore"] | SignalSpec] = field(default_factory=dict)
    """By name, with or without SIG."""


class ProgramSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that the fixture itself describes."""

    script: ScriptSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write to standard output or standard error."""

    fd: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFile:
    """Write a file anew; `content` None removes it."""

    path: str
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grow:
    """Take memory."""

    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOn:
    """Take on another identity; what is None stays."""

    uid: int | None
    gid: int | None
    groups: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """End."""

    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action and its times, from the start of the program or the arrival of a signal."""

    action: Write | PutFile | Grow | Listen | TakeOn | Exit
    first_ns: int
    every_ns: int | None = None
    """None: once."""
    times: int | None = None
    """None: without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A checked script."""

    steps: tuple[Step, ...]
    signals: tuple[tuple[str, tuple[Step, ...] | None], ...]
    """By name without SIG; None ignores it."""


def read_script(spec: ScriptSpec, report: Report) -> Script:
    """The script with its times and sizes measured; every mistake goes to `report`, and the value is then of no use."""
    reader = _Reader(report)
    steps = [
        *reader.outputs(("output",), spec.output),
        *reader.files(spec.files),
        *reader.memory(spec.memory),
        *(Step(action=listen, first_ns=at_ns) for at_ns, listen in read_ports(spec.ports, report)),
        *reader.identities(spec.identity),
    ]
    if spec.exit_after is not None:
        steps.append(Step(action=Exit(code=spec.exit_code), first_ns=reader.duration(("exitAfter",), spec.exit_after)))
    elif spec.exit_code:
        report(("exitCode",), "an exit code without exitAfter", "add exitAfter, or give the code to a signal")
    return Script(steps=tuple(steps), signals=tuple(reader.signals(spec.signals)))


def encoded_script(spec: ScriptSpec) -> str:
    """The script as one line of JSON."""
    return msgspec.json.encode(spec).decode()


def decoded_script(text: str) -> Script:
    """What `encoded_script` made. Raises InputError for text that is no script."""
    try:
        spec = msgspec.json.decode(text, type=ScriptSpec)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(f"no script of a program: {error}") from error
    mistakes: list[str] = []
    script = read_script(spec, lambda _path, what, _hint: mistakes.append(what))
    if mistakes:
        raise InputError(f"no script of a program: {mistakes[0]}")
    return script


class _Reader(ScriptReader):
    """Measures one script."""

    def outputs(self, base: Path, specs: list[OutputSpec]) -> Iterator[Step]:
        for index, spec in enumerate(specs):
            path = (*base, index)
            if (spec.line is None) == (spec.text is None):
                self._report(path, "an output needs either a line or a text", "")
            data = f"{spec.line}\n" if spec.line is not None else spec.text or ""
            write = Write(fd=1 if spec.stream == "stdout" else 2, data=data.encode(errors="surrogateescape"))
            yield self._step(path, write, spec.at, spec.every, spec.times)

    def files(self, specs: list[FileWriteSpec]) -> Iterator[Step]:
        for index, spec in enumerate(specs):
            path: Path = ("files", index)
            if (spec.text is not None) == spec.remove:
                self._report(path, "a file needs either a text or remove: true", "")
            if not spec.path or "\0" in spec.path:
                self._report((*path, "path"), f"{spec.path!r} is no path", "expected e.g. /tmp/ready")
            content = None if spec.remove else (spec.text or "").encode()
            yield self._step(path, PutFile(path=spec.path, content=content), spec.at, None, None)

    def memory(self, specs: list[MemorySpec]) -> Iterator[Step]:
        for index, spec in enumerate(specs):
            path: Path = ("memory", index)
            hint = 'expected e.g. "10Mi"'
            grow_path = (*path, "grow")
            size_bytes = self.measure(grow_path, str(spec.grow), lambda text: parse_quantity(text).value, hint=hint)
            if size_bytes == 0:
                self._report(grow_path, "0 bytes are no growth", hint)
            yield self._step(path, Grow(size_bytes=size_bytes or 0), spec.at, spec.every, spec.times)

    def identities(self, specs: list[IdentitySpec]) -> Iterator[Step]:
        for index, spec in enumerate(specs):
            path: Path = ("identity", index)
            if spec.uid is None and spec.gid is None and spec.groups is None:
                self._report(path, "an identity needs a uid, a gid or groups", "")
            groups = None if spec.groups is None else tuple(spec.groups)
            yield self._step(path, TakeOn(uid=spec.uid, gid=spec.gid, groups=groups), spec.at, None, None)

    def signals(self, specs: dict[str, Any]) -> Iterator[tuple[str, tuple[Step, ...] | None]]:
        seen: set[str] = set()
        for written, spec in specs.items():
            path: Path = ("signals", written)
            name = written.removeprefix("SIG")
            if name in ("KILL", "STOP"):
                self._report(path, f"{written} cannot be caught", "")
            elif name not in CATCHABLE_SIGNALS:
                hint = f"expected e.g. TERM or SIGTERM{nearest(name, CATCHABLE_SIGNALS)}"
                self._report(path, f"unknown signal {written!r}", hint)
            if name in seen:
                self._report(path, f"{written} is there twice", "")
            seen.add(name)
            yield name, None if spec == "ignore" else tuple(self._reaction(path, spec))

    def _reaction(self, path: Path, spec: SignalSpec) -> Iterator[Step]:
        yield from self.outputs((*path, "output"), spec.output)
        if spec.exit_code is not None:
            after_ns = self.duration((*path, "after"), spec.after) if spec.after is not None else 0
            yield Step(action=Exit(code=spec.exit_code), first_ns=after_ns)
        elif spec.after is not None:
            self._report((*path, "after"), "says when the program exits, but there is no exitCode", "add exitCode")

    def _step(
        self, path: Path, action: Write | PutFile | Grow | TakeOn, at: str | None, every: str | None, times: int | None
    ) -> Step:
        at_ns = self.duration((*path, "at"), at) if at is not None else None
        if every is None:
            if times is not None:
                self._report((*path, "times"), "times without every", "add every, or leave times out")
            return Step(action=action, first_ns=at_ns or 0)
        every_ns = self.period((*path, "every"), every)
        first_ns = at_ns if at_ns is not None else every_ns or 0
        return Step(action=action, first_ns=first_ns, every_ns=every_ns, times=times)
