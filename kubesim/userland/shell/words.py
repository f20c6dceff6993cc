"""How the parts of a word are put together: literals, tildes, and the value of an assignment."""

from __future__ import annotations

import re

from kubesim.userland.shell.syntax import Literal, Part, Tilde, Word

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")


def split_assignment(word: Word) -> tuple[str, Word] | None:
    """The name and value of `name=value`; None for other words."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Literal) or first.is_quoted:
        return None
    match = _ASSIGNMENT.match(first.text)
    if match is None:
        return None
    rest: list[Part] = []
    if first.text[match.end() :]:
        rest.append(Literal(first.text[match.end() :], is_quoted=False))
    rest += word.parts[1:]
    return match[1], Word.of(_with_tildes_after_colons(rest))


def with_tilde(parts: list[Part]) -> list[Part]:
    """Split `~` or `~user` off the start of a word."""
    first = parts[0] if parts else None
    if not isinstance(first, Literal) or first.is_quoted or not first.text.startswith("~"):
        return parts
    name, slash, rest = first.text[1:].partition("/")
    if not slash and len(parts) > 1:
        return parts  # the name goes on behind something quoted, so it is none
    tail: list[Part] = [Literal(slash + rest, is_quoted=False)] if slash else []
    return [Tilde(name), *tail, *parts[1:]]


def _with_tildes_after_colons(parts: list[Part]) -> list[Part]:
    """In the value of an assignment a tilde also counts behind each colon."""
    done: list[Part] = []
    for index, part in enumerate(parts):
        if not isinstance(part, Literal) or part.is_quoted or "~" not in part.text:
            done.append(part)
            continue
        is_last = index == len(parts) - 1
        for number, piece in enumerate(part.text.split(":")):
            if number:
                done.append(Literal(":", is_quoted=False))
            if not piece:
                continue
            is_start = number > 0 or index == 0
            is_cut = not is_last and number == part.text.count(":") and "/" not in piece
            done += (
                with_tilde([Literal(piece, is_quoted=False)])
                if is_start and not is_cut
                else [Literal(piece, is_quoted=False)]
            )
    return done


def add_literal(parts: list[Part], text: str, *, is_quoted: bool) -> None:
    """Add text to a word; what is quoted alike becomes one literal."""
    last = parts[-1] if parts else None
    if isinstance(last, Literal) and last.is_quoted == is_quoted:
        parts[-1] = Literal(last.text + text, is_quoted)
    else:
        parts.append(Literal(text, is_quoted))
