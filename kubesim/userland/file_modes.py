"""Modes as chmod, mkdir and their relatives write them: octal, or symbolic as in `u+rwx,go=rX`."""

from __future__ import annotations

DIRECTORY_BIT = 0o40000
_ALL_BITS = 0o7777
_WHO = {"a": 0o7777, "u": 0o4700, "g": 0o2070, "o": 0o0007}
_PERMISSIONS = {"r": 0o444, "w": 0o222, "x": 0o111, "X": 0o111, "s": 0o6000, "t": 0o1000}


def parse_mode(text: str, current: int, *, umask: int, is_directory: bool = False) -> int | None:
    """The mode that `text` makes of `current`, permission bits only; None when it is no mode.

    Where nobody is named (`+w`), the umask keeps bits back. Mirrors busybox: libbb/parse_mode.c, bb_parse_mode.
    """
    if text[:1] and text[0] in "01234567":
        is_octal = not text.strip("01234567")
        return int(text, 8) if is_octal and int(text, 8) <= _ALL_BITS else None
    mode: int | None = current & _ALL_BITS
    for clause in text.split(","):
        if clause and mode is not None:
            mode = _after_clause(clause, mode, umask=umask, is_directory=is_directory)
    return mode


def _after_clause(clause: str, mode: int, *, umask: int, is_directory: bool) -> int | None:
    actions = clause.lstrip("augo")
    who = 0
    for letter in clause[: len(clause) - len(actions)]:
        who |= _WHO[letter]
    if not actions:
        return None
    at = 0
    while at < len(actions):
        operator = actions[at]
        at += 1
        if operator not in "+-=":
            return None
        if operator == "=":
            mode &= ~(who or _ALL_BITS)
        if actions[at : at + 1] and actions[at] in "ugo":
            bits = _copied(mode, actions[at])
            at += 1
        else:
            bits = 0
            while at < len(actions) and actions[at] in _PERMISSIONS:
                if actions[at] != "X" or is_directory or mode & 0o111:
                    bits |= _PERMISSIONS[actions[at]]
                at += 1
        bits &= who or ~umask
        mode = mode & ~bits if operator == "-" else mode | bits
    return mode


def _copied(mode: int, who: str) -> int:
    """The permissions that one of user, group and others has, for all three."""
    owned = _WHO[who] & 0o777 & mode
    return owned | sum(bits for bits in (0o444, 0o222, 0o111) if owned & bits)
