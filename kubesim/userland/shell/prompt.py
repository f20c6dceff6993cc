"""What a prompt says: the escapes of PS1. Mirrors busybox: libbb/lineedit.c, parse_and_put_prompt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubesim.userland.files.passwd import entry_of_uid, parse_passwd

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_CONTROLS = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def prompt_text(shell: Shell, text: str) -> str:
    """A prompt with its escapes filled in."""

    def value(match: re.Match[str]) -> str:
        return _escape(shell, match[1])

    return _ESCAPE.sub(value, text)


def _escape(shell: Shell, letter: str) -> str:
    process = shell.process
    match letter:
        case "u":
            entry = entry_of_uid(parse_passwd(process.files.filesystem), process.credentials.uid)
            return entry.name if entry is not None else str(process.credentials.uid)
        case "h":
            return process.hostname.partition(".")[0]
        case "H":
            return process.hostname
        case "w" | "W":
            return _directory(shell, is_short=letter == "W")
        case "$":
            return "#" if process.credentials.uid == 0 else "$"
        case "[" | "]":
            return ""
    if letter[0] in "01234567":
        return chr(int(letter, 8) & 0xFF)
    return _CONTROLS.get(letter, letter)


def _directory(shell: Shell, *, is_short: bool) -> str:
    """The working directory with `~` for the home; short: its last name."""
    path, home = shell.process.files.cwd, shell.variables.get("HOME") or ""
    if len(home) > 1 and (path == home or path.startswith(f"{home}/")):
        path = f"~{path[len(home) :]}"
    return path.rpartition("/")[2] or path if is_short else path
