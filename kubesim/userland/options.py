"""Options of a command, as getopt(3) reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
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
    given: list[str] = field(default_factory=list)
    """Letters in the order they were given, for options of which the last one counts."""

    def last_of(self, letters: str) -> str:
        """The one of these letters that was given last; "" when none was."""
        return next((letter for letter in reversed(self.given) if letter in letters), "")

    def __contains__(self, letter: str) -> bool:
        return letter in self.flags


def parse_options(
    argv: Sequence[str], letters: str, *, is_ordered: bool = False, long_names: Mapping[str, str] | None = None
) -> Options:
    """Read `argv[1:]`; a letter with `:` behind it takes a value, with `::` one that may be missing.

    Options may come after operands unless `is_ordered`. `long_names` gives the letter that `--NAME` stands for; one
    that has no short form has a name of several letters instead, with `:` or `::` behind it when it takes a value.
    Raises UsageError with getopt_long's own words.
    """
    found = Options()
    pending = deque(argv[1:])
    while pending:
        word = pending.popleft()
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
            _read_long(word, letters, long_names or {}, pending, found)
        else:
            _read_cluster(word, letters, pending, found)
    return found


def _note(found: Options, letter: str, value: str | None = None) -> None:
    found.flags.add(letter)
    found.given.append(letter)
    if value is not None:
        found.values[letter] = value
        found.repeated.setdefault(letter, []).append(value)


def _read_cluster(word: str, letters: str, pending: deque[str], found: Options) -> None:
    for position in range(1, len(word)):
        letter = word[position]
        place = letters.find(letter) if letter != ":" else -1
        if place < 0:
            raise UsageError(f"invalid option -- '{letter}'")
        colons = letters[place + 1 : place + 3]
        if colons[:1] != ":":
            _note(found, letter)
            continue
        value = word[position + 1 :]
        if colons == "::":
            _note(found, letter, value or None)
            return
        if not value:
            if not pending:
                raise UsageError(f"option requires an argument -- '{letter}'")
            value = pending.popleft()
        _note(found, letter, value)
        return


def _read_long(word: str, letters: str, long_names: Mapping[str, str], pending: deque[str], found: Options) -> None:
    """`--NAME`, `--NAME=VALUE` or `--NAME VALUE`; a name may be cut short as long as it stays clear which is meant."""
    name, sign, value = word[2:].partition("=")
    fitting = [name] if name in long_names else [other for other in long_names if other.startswith(name)]
    if not fitting:
        raise UsageError(f"unrecognized option '{word}'")
    if len({long_names[other] for other in fitting}) > 1:
        possible = "".join(f" '--{other}'" for other in fitting)
        raise UsageError(f"option '{word}' is ambiguous; possibilities:{possible}")
    stands_for = long_names[fitting[0]]
    letter = stands_for.rstrip(":")
    colons = stands_for[len(letter) :]
    if len(letter) == 1:
        behind = letters[letters.index(letter) + 1 :]
        colons = behind[: len(behind[:2]) - len(behind[:2].lstrip(":"))]
    if not colons:
        if sign:
            raise UsageError(f"option '--{fitting[0]}' doesn't allow an argument")
        _note(found, letter)
    elif sign or colons == "::":
        _note(found, letter, value if sign else None)
    elif pending:
        _note(found, letter, pending.popleft())
    else:
        raise UsageError(f"option '--{fitting[0]}' requires an argument")


async def show_usage(process: Process, usage: str, message: str = "") -> int:
    """Print what busybox prints about a wrong command line; the exit code 1."""
    if message:
        await process.complain(message)
    await process.write(2, f"{BANNER}\n\nUsage: {process.name} {usage}\n".encode())
    return 1
