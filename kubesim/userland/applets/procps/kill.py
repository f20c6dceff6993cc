"""kill, killall, pkill: signals to processes of the same pid namespace. Mirrors busybox: procps/kill.c and pgrep.c."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.kernel import checkpoint
from kubesim.userland.applets.procps.matching import LETTERS, matched, named
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NAMES, SIGTERM, number_of
from kubesim.userland.processes.system_calls import send_signal

CORE = 0x7F
PKILL_LETTERS = LETTERS.replace("l", "").replace("a", "")


class BadSignal(Exception):
    """No signal is called so."""


def take_signal(words: Sequence[str]) -> tuple[int, list[str]]:
    """The signal that `-SIG` or `-s SIG` at the beginning asks for, and what comes after it. Raises BadSignal."""
    if words and words[0].startswith("-") and words[0] != "--":
        name = words[0][1:]
        rest = list(words[1:])
        if name == "s" and rest:
            name = rest.pop(0)
        found = number_of(name)
        if found is None:
            raise BadSignal(name)
        return found, rest
    return SIGTERM, list(words[1:] if words[:1] == ["--"] else words)


async def run(process: Process) -> int:
    """Send a signal to each pid."""
    words = process.argv[1:]
    if words and words[0] == "-l":
        return await _list(process, words[1:])
    try:
        signum, words = take_signal(words)
    except BadSignal as error:
        await process.complain(f"bad signal name '{error}'")
        return 1
    if not words:
        await process.complain("you need to specify whom to kill")
        return 1
    code = 0
    for word in words:
        digits = word.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 9:
            await process.complain(f"invalid number '{word}'")
            code += 1
            continue
        if refusal := _send(process, int(word), signum):
            await process.complain(f"can't kill pid {word}: {refusal}")
            code += 1
    await checkpoint()  # a signal to itself arrives now
    return code


def _send(process: Process, pid: int, signum: int) -> str:
    """What went wrong; "" for nothing. -1 is everybody whom it may signal, but not itself and not pid 1."""
    if pid == -1:
        others = [other for other in process.neighbours() if other is not process and other.pid != 1]
        errors = [_signal(process, other, signum) for other in others]
        return "No such process" if not others else errors[0] if all(errors) else ""
    target = process.namespace.find(pid)
    if target is None:
        return "No such process"
    return _signal(process, target, signum)


def _signal(process: Process, target: Process, signum: int) -> str:
    try:
        send_signal(process, target, signum)
    except FsError as error:
        return error.strerror
    return ""


async def _list(process: Process, names: Sequence[str]) -> int:
    """Numbers by name and names by number; the exit code of a killed process is as good as its signal."""
    if not names:
        await process.say("".join(f"{number:2d}) {name}\n" for number, name in NAMES.items()))
    for name in names:
        found = int(name[:9]) & CORE if name.isascii() and name.isdecimal() else number_of(name)
        if found is None:
            await process.complain(f"unknown signal '{name}'")
            return 1
        shown = NAMES.get(found, str(found)) if name[:1].isdecimal() else str(found)
        await process.say(f"{shown}\n")
    return 0


async def run_killall(process: Process) -> int:
    """Send a signal to all processes with one of the names."""
    words = process.argv[1:]
    if words and words[0] == "-l":
        return await _list(process, words[1:])
    is_quiet = bool(words) and words[0] == "-q"
    if is_quiet:
        words = words[1:]
    try:
        signum, words = take_signal(words)
    except BadSignal as error:
        await process.complain(f"bad signal name '{error}'")
        return 1
    if not words:
        await process.complain("you need to specify whom to kill")
        return 1
    code = 0
    for word in words:
        found = [other for other in named(process, word) if other is not process]
        if not found:
            code += 1
            if not is_quiet:
                await process.complain(f"{word}: no process killed")
        for other in found:
            if refusal := _signal(process, other, signum):
                await process.complain(f"can't kill pid {other.pid}: {refusal}")
                code += 1
    await checkpoint()
    return code


async def run_pkill(process: Process) -> int:
    """Send a signal to the processes that pgrep would find."""
    words = process.argv[1:]
    signum = SIGTERM
    if words[:1] == ["-l"]:
        return await _list(process, words[1:])
    if words and len(words[0]) > 1 and words[0][0] == "-" and number_of(words[0][1:]) is not None:
        signum, words = take_signal(words)
    found = await matched(process, parse_options([process.argv[0], *words], PKILL_LETTERS))
    for other in found or ():
        if refusal := _signal(process, other, signum):
            await process.complain(f"can't kill pid {other.pid}: {refusal}")
    await checkpoint()
    return 0 if found else 1
