"""What a prompt says: PS1 is expanded as a word in double quotes, then its escapes are filled in.

Mirrors busybox: shell/ash.c, setprompt_if and expandstr; libbb/lineedit.c, parse_and_put_prompt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubesim.userland.files.passwd import user_of_uid

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_CONTROLS = {"a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unexpanded(text: str) -> str:
    r"""A prompt whose `\$` outlives the expansion, to become `#` or `$` then; ash has a syntax of its own for that.

    >>> print(unexpanded(r"\w \$"))
    \w \\\$
    """
    return _ESCAPE.sub(lambda match: r"\\\$" if match[1] == "$" else match[0], text)


def prompt_text(shell: Shell, text: str) -> str:
    """A prompt with its escapes filled in."""

    def value(match: re.Match[str]) -> str:
        return _escape(shell, match[1])

    return _ESCAPE.sub(value, text)


def _escape(shell: Shell, letter: str) -> str:
    process = shell.process
    match letter:
        case "u":
            entry = user_of_uid(process.files, process.credentials.uid)
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
    """The working directory with `~` for the home that passwd knows, whatever $HOME says; short: its last name."""
    path = shell.process.files.cwd
    entry = user_of_uid(shell.process.files, shell.process.credentials.uid)
    home = entry.home if entry is not None else ""
    if len(home) > 1 and (path == home or path.startswith(f"{home}/")):
        path = f"~{path[len(home) :]}"
    return path.rpartition("/")[2] or path if is_short else path
