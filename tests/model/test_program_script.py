"""Scripts of programs: what they become, and what is said about wrong ones."""

from __future__ import annotations

import pytest

from kubesim.errors import InputError
from kubesim.model.image_fixture import image_fixtures
from kubesim.model.program_script import (
    CATCHABLE_SIGNALS,
    Exit,
    Grow,
    ProgramSpec,
    PutFile,
    Script,
    Step,
    TakeOn,
    Write,
    decoded_script,
    encoded_script,
)
from kubesim.model.yaml_text import load_documents
from kubesim.userland.processes.signals import NUMBERS

S = 10**9


def spec_of(script: str) -> ProgramSpec:
    """The program of a fixture whose script is the YAML flow mapping given."""
    text = (
        f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: a}}\nspec:\n  programs: {{/x: {{script: {script}}}}}\n"
    )
    [fixture] = image_fixtures(load_documents(text, name="f.yaml"))
    program = fixture.spec.programs["/x"]
    assert isinstance(program, ProgramSpec)
    return program


def refusal(script: str) -> str:
    with pytest.raises(InputError) as raised:
        spec_of(script)
    return str(raised.value)


def test_everything_a_script_can_say() -> None:
    spec = spec_of(
        "{output: [{line: ready, at: 1s}, {text: '.', every: 10s, stream: stderr, times: 3}, {line: x, at: 0s,"
        " every: 1m}],"
        " files: [{path: /tmp/ready, text: '', at: 5s}, {path: f, remove: true}],"
        " memory: [{grow: 10Mi, at: 5s}, {grow: 4096, every: 1s}],"
        " identity: [{uid: 1, gid: 2, groups: [3], at: 4s}, {groups: []}], exitAfter: 30s, exitCode: 3,"
        " signals: {TERM: {after: 2s, exitCode: 0, output: [{line: bye}]}, SIGHUP: {output: [{line: hup}]},"
        " INT: ignore}}"
    )
    assert decoded_script(encoded_script(spec.script)) == Script(
        steps=(
            Step(action=Write(fd=1, data=b"ready\n"), first_ns=S),
            Step(action=Write(fd=2, data=b"."), first_ns=10 * S, every_ns=10 * S, times=3),
            Step(action=Write(fd=1, data=b"x\n"), first_ns=0, every_ns=60 * S),
            Step(action=PutFile(path="/tmp/ready", content=b""), first_ns=5 * S),
            Step(action=PutFile(path="f", content=None), first_ns=0),
            Step(action=Grow(size_bytes=10 << 20), first_ns=5 * S),
            Step(action=Grow(size_bytes=4096), first_ns=S, every_ns=S),
            Step(action=TakeOn(uid=1, gid=2, groups=(3,)), first_ns=4 * S),
            Step(action=TakeOn(uid=None, gid=None, groups=()), first_ns=0),
            Step(action=Exit(code=3), first_ns=30 * S),
        ),
        signals=(
            (
                "TERM",
                (
                    Step(action=Write(fd=1, data=b"bye\n"), first_ns=0),
                    Step(action=Exit(code=0), first_ns=2 * S),
                ),
            ),
            ("HUP", (Step(action=Write(fd=1, data=b"hup\n"), first_ns=0),)),
            ("INT", None),
        ),
    )


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "{outputs: []}",
            "f.yaml:5:28: $.spec.programs['/x'].script: unknown field 'outputs', did you mean 'output'?",
        ),
        (
            "{output: [{lin: x}]}",
            "f.yaml:5:38: $.spec.programs['/x'].script.output[0]: unknown field 'lin', did you mean 'line'?",
        ),
        ("{output: [{at: 1s}]}", "$.spec.programs['/x'].script.output[0]: an output needs either a line or a text"),
        ("{output: [{line: a, text: b}]}", "output[0]: an output needs either a line or a text"),
        (
            "{output: [{line: a, stream: stdin}]}",
            """output[0].stream: unknown value 'stdin'; expected one of "stderr", "stdout\"""",
        ),
        ("{output: [{line: a, at: 1}]}", 'output[0].at: found the number 1; expected a string, write "1" in quotes'),
        (
            "{output: [{line: a, at: '1'}]}",
            "f.yaml:5:51: $.spec.programs['/x'].script.output[0].at: time: missing unit in duration \"1\"; expected",
        ),
        ("{output: [{line: a, at: -1s}]}", "output[0].at: -1s is negative"),
        ("{output: [{line: a, every: 0s}]}", "output[0].every: 0s is shorter than 1ms"),
        ("{output: [{line: a, times: 2}]}", "output[0].times: times without every; add every, or leave times out"),
        ("{output: [{line: a, every: 1s, times: 0}]}", "output[0].times: 0 is out of range; expected at least 1"),
        ("{files: [{path: /a}]}", "files[0]: a file needs either a text or remove: true"),
        ("{files: [{path: /a, text: x, remove: true}]}", "files[0]: a file needs either a text or remove: true"),
        ("{files: [{path: '', text: x}]}", "files[0].path: '' is no path; expected e.g. /tmp/ready"),
        ("{memory: [{grow: 0}]}", 'memory[0].grow: 0 bytes are no growth; expected e.g. "10Mi"'),
        ("{memory: [{grow: 10Mb}]}", "memory[0].grow: "),
        ("{identity: [{at: 1s}]}", "identity[0]: an identity needs a uid, a gid or groups"),
        ("{identity: [{uid: -1}]}", "identity[0].uid: -1 is out of range; expected at least 0"),
        ("{identity: [{uid: 4294967295}]}", "identity[0].uid: 4294967295 is out of range; expected at most 4294967294"),
        ("{identity: [{gid: app}]}", "identity[0].gid: found the text 'app'; expected an integer"),
        ("{ports: [{port: 0}]}", "ports[0].port: 0 is out of range; expected at least 1"),
        ("{ports: [{port: 80}, {port: 80}]}", "ports[1].port: port 80 is there twice"),
        ("{ports: [{port: 80, at: soon}]}", "ports[0].at: time: invalid duration"),
        ("{ports: [8080]}", "ports[0]: found the number 8080; expected a mapping"),
        ("{memory: [{at: 1s}]}", "memory[0]: missing required field 'grow'"),
        ("{exitCode: 3}", "exitCode: an exit code without exitAfter; add exitAfter, or give the code to a signal"),
        ("{exitAfter: 1s, exitCode: 256}", "exitCode: 256 is out of range; expected at most 255"),
        (
            "{signals: {TERN: ignore}}",
            "signals.TERN: unknown signal 'TERN'; expected e.g. TERM or SIGTERM, did you mean 'TERM'?",
        ),
        ("{signals: {KILL: ignore}}", "signals.KILL: KILL cannot be caught"),
        ("{signals: {TERM: ignore, SIGTERM: ignore}}", "signals.SIGTERM: SIGTERM is there twice"),
        ("{signals: {TERM: ignored}}", "signals.TERM: unknown value 'ignored', did you mean 'ignore'?"),
        (
            "{signals: {TERM: {after: 1s}}}",
            "signals.TERM.after: says when the program exits, but there is no exitCode; add exitCode",
        ),
    ],
)
def test_a_wrong_script_is_named_with_its_place(script: str, message: str) -> None:
    assert message in refusal(script)


def test_all_mistakes_come_at_once() -> None:
    lines = refusal("{output: [{at: 1s}], signals: {STOP: ignore}, exitCode: 1}").splitlines()
    assert len(lines) == 3
    assert all(line.startswith("f.yaml:5:") for line in lines)


@pytest.mark.parametrize("text", ["", "{}}", '{"output": [{}]}', '{"exitAfter": "x"}', "[]", "\udc80"])
def test_text_that_is_no_script_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no script of a program"):
        decoded_script(text)


def test_the_signals_are_those_that_processes_know() -> None:
    assert set(CATCHABLE_SIGNALS) == set(NUMBERS) - {"KILL", "STOP"}
