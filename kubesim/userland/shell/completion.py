"""What a word on the command line could become: commands in the first place, file names elsewhere.

Mirrors busybox: libbb/lineedit.c, complete_cmd_dir_file and complete_username.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_WORD = re.compile(r"[^\s;|&<>()`]*$")
_COMMAND_PLACE = re.compile(r"(^|[;|&(`])\s*$")


def complete(shell: Shell, text: str) -> tuple[int, Sequence[str]]:
    """How many characters at the end of `text` are completed, and all that they could become, sorted."""
    match = _WORD.search(text)
    assert match is not None, "an empty word is one as well"
    word = match[0]
    if _COMMAND_PLACE.search(text[: match.start()]) and "/" not in word:
        return len(word), _commands(shell, word)
    return len(word), _files(shell, word)


def _commands(shell: Shell, word: str) -> list[str]:
    from kubesim.userland.shell.builtins import BUILTINS, SPECIAL_BUILTINS  # the table is built from modules like this

    names = {*BUILTINS, *SPECIAL_BUILTINS, *shell.functions, *shell.aliases}
    for directory in (shell.variables.get("PATH") or "").split(":"):
        names.update(_names(shell, directory or "."))
    return sorted(name for name in names if name.startswith(word))


def _files(shell: Shell, word: str) -> list[str]:
    directory, slash, start = word.rpartition("/")
    files = shell.process.files
    found = []
    for name in _names(shell, f"{directory}{slash}" or "."):
        if not name.startswith(start) or (name.startswith(".") and not start.startswith(".")):
            continue
        path = f"{directory}{slash}{name}"
        try:
            is_directory = files.stat(path).is_directory
        except FsError:
            is_directory = False  # a link that leads nowhere
        found.append(f"{path}/" if is_directory else path)
    return sorted(found)


def _names(shell: Shell, directory: str) -> list[str]:
    try:
        return shell.process.files.list_dir(directory)
    except FsError:
        return []  # nothing there can be completed
