"""Options of a command, as getopt(3) reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kubesim.userland.processes.process_life import Process

BANNER = "BusyBox v1.36.1 (kubesim) multi-call binary."


class UsageError(Exception):
    """The command line is wrong. `message` says how; "" prints the usage alone."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True, kw_only=True)
class Options:
    """What getopt found."""

    flags: set[str] = field(default_factory=set)
    """Letters of the options that were given, those with a value among them."""
    values: dict[str, str] = field(default_factory=dict)
    """Values by letter; the last one counts."""
    repeated: dict[str, list[str]] = field(default_factory=dict)
    """All of them, for a letter whose values add up."""
    operands: list[str] = field(default_factory=list)

    def __contains__(self, letter: str) -> bool:
        return letter in self.flags


def parse_options(argv: Sequence[str], letters: str, *, is_ordered: bool = False) -> Options:
    """Read `argv[1:]`; a letter with `:` behind it takes a value.

    Options may come after operands unless `is_ordered`. Raises UsageError with getopt's own words.
    """
    found = Options()
    pending = list(argv[1:])
    while pending:
        word = pending.pop(0)
        if word == "--":
            found.operands += pending
            break
        if len(word) < 2 or word[0] != "-":
            found.operands.append(word)
            if is_ordered:
                found.operands += pending
                break
            continue
        if word.startswith("--"):
            raise UsageError(f"unrecognized option '{word}'")
        _read_cluster(word, letters, pending, found)
    return found


def _read_cluster(word: str, letters: str, pending: list[str], found: Options) -> None:
    for position in range(1, len(word)):
        letter = word[position]
        place = letters.find(letter) if letter != ":" else -1
        if place < 0:
            raise UsageError(f"invalid option -- '{letter}'")
        found.flags.add(letter)
        if letters[place + 1 : place + 2] != ":":
            continue
        value = word[position + 1 :]
        if not value:
            if not pending:
                raise UsageError(f"option requires an argument -- '{letter}'")
            value = pending.pop(0)
        found.values[letter] = value
        found.repeated.setdefault(letter, []).append(value)
        return


async def show_usage(process: Process, usage: str, message: str = "") -> int:
    """Print what busybox prints about a wrong command line; the exit code 1."""
    if message:
        await process.complain(message)
    await process.write(2, f"{BANNER}\n\nUsage: {process.name} {usage}\n".encode())
    return 1
