"""printf, as busybox and ash's builtin do it: the format is used again until the arguments are used up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kubesim.userland.escapes import decode_escapes
from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process

DIRECTIVE = re.compile(
    r"%(?P<flags>[-+ #0]*)(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?(?P<length>[hlLjzt]*)(?P<kind>.?)", re.DOTALL
)

INTEGER = re.compile(
    r"[ \t\n\v\f\r]*(?P<sign>[+-]?)(?:0[xX](?P<hexadecimal>[0-9a-fA-F]+)|0(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
"""As strtoll(3) reads it, up to the last character."""

WIDTH_MAX = 65536
"""Widest field: a limit of ours, so that a typing error does not fill the memory."""

_WRAP = 2**64


def _is_directive(match: re.Match[str]) -> bool:
    """`%b` is none when anything stands between its letters."""
    kind = match["kind"]
    return kind != "" and kind in "bcdiouxXsfeEgG" and (kind != "b" or match[0] == "%b")


class Printf:
    """One call. `data` is what it printed, `problems` what it complained about; then the exit code is 1."""

    def __init__(self, words: Sequence[str]) -> None:
        self.data = b""
        self.problems: list[str] = []
        self._arguments = list(words[1:])
        self._is_over = False
        self._format(words[0])

    def _format(self, text: str) -> None:
        while True:
            left = len(self._arguments)
            self._once(text)
            if self._is_over or not self._arguments or len(self._arguments) == left:
                return

    def _once(self, text: str) -> None:
        position = 0
        while position < len(text) and not self._is_over:
            start = text.find("%", position)
            end = len(text) if start < 0 else start
            # A backslash in the format may hide no `%`: escapes never make one that counts.
            self._literal(text[position:end])
            if start < 0 or self._is_over:
                return
            match = DIRECTIVE.match(text, start)
            assert match is not None, "it begins with a percent sign"
            position = match.end()
            if match["kind"] == "%" and match.end() - match.start() == 2:
                self.data += b"%"
            elif not _is_directive(match):
                # busybox cuts the length letters out of the directive before it looks at it.
                self.problems.append(
                    f"{text[start : match.start('length')]}{text[match.start('kind') :]}: invalid format"
                )
                self._is_over = True
            else:
                self._directive(match)

    def _literal(self, text: str) -> None:
        data, self._is_over = decode_escapes(text, is_format=True)
        self.data += data

    def _next(self) -> str:
        return self._arguments.pop(0) if self._arguments else ""

    def _directive(self, match: re.Match[str]) -> None:
        flags = match["flags"]
        width = self._size(match["width"])
        precision = None if match["precision"] is None else self._size(match["precision"])
        if width < 0:
            flags, width = flags + "-", -width
        kind = match["kind"]
        if kind in "sbc":
            body = self._text(kind, precision)
            padding = b" " * (width - len(body))
            self.data += body + padding if "-" in flags else padding + body
            return
        spec = "%" + "".join(sorted(set(flags))) + (str(width) if width else "")
        if precision is not None and precision >= 0:
            spec += f".{precision}"
        text = self._whole(spec, kind) if kind in "diouxX" else spec + kind
        self.data += (text if kind in "diouxX" else text % self._float()).encode()

    def _size(self, text: str) -> int:
        number = self._integer(self._next()) if text == "*" else int(text[:9] or 0)
        return max(-WIDTH_MAX, min(number, WIDTH_MAX))

    def _text(self, kind: str, precision: int | None) -> bytes:
        argument = self._next()
        if kind == "b":
            body, self._is_over = decode_escapes(argument)
        else:
            body = argument.encode(errors="surrogateescape")
        if kind == "c":
            return body[:1] or b"\0"
        return body if precision is None or precision < 0 else body[:precision]

    def _whole(self, spec: str, kind: str) -> str:
        number = self._integer(self._next(), number_max=(_WRAP if kind in "ouxX" else _WRAP // 2) - 1)
        if kind in "ouxX":
            number %= _WRAP
        if not number:
            spec = spec.replace("#", "")  # Python would write 0x0
        if kind == "o" and "#" in spec:  # Python would write 0o12
            spec = spec.replace("#", "")
            return (spec + "s") % f"0{number:o}"
        return (spec + ("d" if kind in "diu" else kind)) % number

    def _integer(self, text: str, *, number_max: int = _WRAP // 2 - 1) -> int:
        if text[:1] in ("'", '"'):
            return ord(text[1:2] or "\0")
        match = INTEGER.fullmatch(text)
        if match is None:
            number = number_max + 1
        else:
            base = 16 if match["hexadecimal"] else 8 if match["octal"] else 10
            number = int(match["sign"] + (match["hexadecimal"] or match["octal"] or match["decimal"])[:30], base)
        if not -(_WRAP // 2) <= number <= number_max:
            self.problems.append(f"invalid number '{text}'")
            return 0
        return number

    def _float(self) -> float:
        text = self._next()
        if not text:
            return 0.0
        try:
            return float(text)
        except ValueError:
            self.problems.append(f"invalid number '{text}'")
            return 0.0


async def run(process: Process) -> int:
    """Print; a number that is none is printed as 0 and complained about."""
    words = process.argv[1:]
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise UsageError
    printed = Printf(words)
    for problem in printed.problems:
        await process.complain(problem)
    await process.write(1, printed.data)
    return 1 if printed.problems else 0
