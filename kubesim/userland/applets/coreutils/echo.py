"""echo, as busybox and ash's builtin print it."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.userland.escapes import decode_escapes
from kubesim.userland.processes.process_life import Process


def echo_bytes(words: Sequence[str]) -> bytes:
    """What `echo words` prints. Leading words of the letters n, e and E are options; the first other word ends
    them. An E does not take an e back.
    """
    has_newline = True
    has_escapes = False
    start = 0
    for word in words:
        if len(word) < 2 or word[0] != "-" or word.strip("neE") != "-":
            break
        start += 1
        for letter in word[1:]:
            if letter == "n":
                has_newline = False
            elif letter == "e":
                has_escapes = True
    text = " ".join(words[start:])
    if has_escapes:
        data, is_over = decode_escapes(text)
        if is_over:
            return data
    else:
        data = text.encode(errors="surrogateescape")
    return data + b"\n" if has_newline else data


async def run(process: Process) -> int:
    """Print the arguments."""
    await process.write(1, echo_bytes(process.argv[1:]))
    return 0
