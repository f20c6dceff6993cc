"""Signals: their numbers, and what they do to a process that says nothing about them. Mirrors linux: man 7 signal."""

from __future__ import annotations

NUMBERS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "TRAP": 5,
    "ABRT": 6,
    "BUS": 7,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
    "STKFLT": 16,
    "CHLD": 17,
    "CONT": 18,
    "STOP": 19,
    "TSTP": 20,
    "TTIN": 21,
    "TTOU": 22,
    "URG": 23,
    "XCPU": 24,
    "XFSZ": 25,
    "VTALRM": 26,
    "PROF": 27,
    "WINCH": 28,
    "IO": 29,
    "PWR": 30,
    "SYS": 31,
}
"""Numbers by name without SIG, as on x86-64 and arm64."""

NAMES = {number: name for name, number in NUMBERS.items()}

SIGNAL_MAX = 64
"""The last real-time signal."""

SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGSEGV, SIGPIPE, SIGTERM, SIGCHLD = 1, 2, 3, 9, 11, 13, 15, 17
SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH = 18, 19, 20, 21, 22, 28

IGNORED_BY_DEFAULT = frozenset({NUMBERS["CHLD"], NUMBERS["CONT"], NUMBERS["URG"], NUMBERS["WINCH"]})

STOPPING = frozenset({SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU})
"""What stops a process that says nothing about them."""

UNCATCHABLE = frozenset({SIGKILL, SIGSTOP})


def number_of(name: str) -> int | None:
    """The number of `TERM`, `SIGTERM`, `term` or `15`; None for anything else. 0 is `EXIT` of the shell's trap.

    >>> number_of("SIGTERM"), number_of("9"), number_of("NOPE")
    (15, 9, None)
    """
    if name.isascii() and name.isdecimal():
        return int(name) if len(name) < 4 and int(name) <= SIGNAL_MAX else None
    upper = name.upper().removeprefix("SIG")
    return 0 if upper == "EXIT" else NUMBERS.get(upper)
