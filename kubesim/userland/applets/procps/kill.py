"""kill, killall, pkill: signals to processes of the same pid namespace. Mirrors busybox: procps/kill.c and pgrep.c."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubesim.kernel import checkpoint
from kubesim.userland.applets.procps.matching import LETTERS, matched, named
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NAMES, SIGTERM, number_of
from kubesim.userland.processes.system_calls import kill, send_signal

CORE = 0x7F
PKILL_LETTERS = LETTERS.replace("l", "").replace("a", "")


class BadSignal(Exception):
    """No signal is called so."""


def take_signal(words: Sequence[str]) -> tuple[int, list[str]]:
    """The signal that `-SIG` or `-s SIG` at the beginning asks for, and what comes after it. Raises BadSignal."""
    rest = list(words)
    signum = SIGTERM
    if rest and len(rest[0]) > 1 and rest[0][0] == "-" and rest[0] != "--":
        name = rest.pop(0)[1:]
        if name == "s" and rest:
            name = rest.pop(0)
        found = number_of(name)
        if found is None:
            raise BadSignal(name)
        signum = found
    elif rest[:1] == ["--"]:  # with a signal before it busybox takes it for a pid
        del rest[0]
    return signum, rest


def listed_signals(names: Sequence[str]) -> Iterator[str]:
    """The lines of `kill -l`: all signals, or numbers by name and names by number. Raises BadSignal.

    The exit code of a process that a signal killed is as good as the signal.
    """
    if not names:
        yield from (f"{number:2d}) {name}\n" for number, name in NAMES.items())
    for name in names:
        is_number = name.isascii() and name.isdecimal()
        found = int(name[:9]) & CORE if is_number else number_of(name)
        if found is None:
            raise BadSignal(name)
        yield f"{('EXIT' if not found else NAMES.get(found, str(found))) if is_number else found}\n"


async def run(process: Process) -> int:
    """Send a signal to each pid."""
    words = process.argv[1:]
    if words and words[0] == "-l":
        return await _list(process, words[1:])
    asked = await _asked(process, words)
    if asked is None:
        return 1
    signum, words = asked
    code = 0
    for word in words:
        digits = word.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 9:
            await process.complain(f"invalid number '{word}'")
            code += 1
            continue
        try:
            kill(process, int(word), signum)
        except FsError as error:
            await process.complain(f"can't kill pid {word}: {error.strerror}")
            code += 1
    await checkpoint()  # a signal to itself arrives now
    return code


def _signal(process: Process, target: Process, signum: int) -> str:
    try:
        send_signal(process, target, signum)
    except FsError as error:
        return error.strerror
    return ""


async def _list(process: Process, names: Sequence[str]) -> int:
    try:
        for line in listed_signals(names):
            await process.say(line)
    except BadSignal as error:
        await process.complain(f"unknown signal '{error}'")
        return 1
    return 0


async def _asked(process: Process, words: Sequence[str]) -> tuple[int, list[str]] | None:
    """The signal and whom it is for; None once what is wrong was said."""
    try:
        signum, rest = take_signal(words)
    except BadSignal as error:
        await process.complain(f"bad signal name '{error}'")
        return None
    if not rest:
        await process.complain("you need to specify whom to kill")
        return None
    return signum, rest


async def run_killall(process: Process) -> int:
    """Send a signal to all processes with one of the names."""
    words = process.argv[1:]
    if words and words[0] == "-l":
        return await _list(process, words[1:])
    is_quiet = bool(words) and words[0] == "-q"
    if is_quiet:
        words = words[1:]
    asked = await _asked(process, words)
    if asked is None:
        return 1
    signum, words = asked
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
