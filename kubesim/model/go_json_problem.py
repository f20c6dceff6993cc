"""What Go's JSON decoder says about text that is no JSON object.

Mirrors Go: encoding/json/scanner.go, and decode.go for the kinds of values. The words are those of version 1 of that
package; version 2, which some builds of Go put in its place, has others for what is wrong within a string or a number.
"""

from __future__ import annotations

from kubesim.model.go_quote import go_quote

_END = "unexpected end of JSON input"
_SPACES = b" \t\r\n"
_DIGITS = b"0123456789"
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
_KINDS = {b"[": "array", b'"': "string", b"t": "bool", b"f": "bool"}
"""By the first byte of a value; what is none of these is a number."""


class _SyntaxProblem(Exception):
    """Why text is no JSON; the text is Go's."""


def go_object_problem(content: bytes) -> str | None:
    """Why Go cannot read `content` as a map of anything, as `json.Unmarshal` says it; None when it can.

    >>> go_object_problem(b'{"a" 1}')
    "invalid character '1' after object key"
    >>> go_object_problem(b"[]")
    'json: cannot unmarshal array into Go value of type map[string]interface {}'
    """
    try:
        _Scanner(content).check()
    except _SyntaxProblem as problem:
        return str(problem)
    start = content.lstrip(_SPACES)[:1]
    if start in (b"{", b"n"):
        return None
    kind = _KINDS.get(start, "number")
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"


class _Scanner:
    """Walks through the bytes of one value. What may come next is the state; what is open is a stack."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self._open: list[int] = []
        self._next = "value"

    def check(self) -> None:
        """Raises _SyntaxProblem."""
        while True:
            while self._at < len(self._content) and self._content[self._at] in _SPACES:
                self._at += 1
            if self._at == len(self._content):
                if self._next != "after" or self._open:
                    raise _SyntaxProblem(_END)
                return
            letter = self._content[self._at]
            if self._next == "after":
                self._after(letter)
            elif self._next == "colon":
                self._take(b":", "after object key")
                self._next = "value"
            elif self._next in ("key", "first key"):
                self._key(letter)
            else:
                self._value(letter)

    def _after(self, letter: int) -> None:
        if not self._open:
            raise self._invalid("after top-level value")
        is_object = self._open[-1] == ord("{")
        if letter == ord(","):
            self._next = "key" if is_object else "value"
        elif letter == _CLOSING[self._open[-1]]:
            self._open.pop()
        else:
            raise self._invalid("after object key:value pair" if is_object else "after array element")
        self._at += 1

    def _key(self, letter: int) -> None:
        if letter == ord("}") and self._next == "first key":
            self._close()
            return
        self._take(b'"', "looking for beginning of object key string")
        self._string()
        self._next = "colon"

    def _value(self, letter: int) -> None:
        if letter == ord("]") and self._next == "first element":
            self._close()
            return
        self._next = "after"
        if letter in _CLOSING:
            self._open.append(letter)
            self._next = "first key" if letter == ord("{") else "first element"
            self._at += 1
        elif letter == ord('"'):
            self._at += 1
            self._string()
        elif letter in _LITERALS:
            self._literal(_LITERALS[letter])
        elif letter == ord("-") or letter in _DIGITS:
            self._number()
        else:
            raise self._invalid("looking for beginning of value")

    def _close(self) -> None:
        self._open.pop()
        self._at += 1
        self._next = "after"

    def _string(self) -> None:
        while True:
            letter = self._one()
            if letter == ord('"'):
                return
            if letter < ord(" "):
                self._at -= 1
                raise self._invalid("in string literal")
            if letter != ord("\\"):
                continue
            if self._take(b'bfnrt\\/"u', "in string escape code") == ord("u"):
                for _ in range(4):
                    self._take(b"0123456789abcdefABCDEF", "in \\u hexadecimal character escape")

    def _literal(self, word: bytes) -> None:
        for letter in word:
            self._take(bytes([letter]), f"in literal {word.decode()} (expecting {chr(letter)!r})")

    def _number(self) -> None:
        self._skip(b"-")
        if self._take(_DIGITS, "in numeric literal") != ord("0"):
            self._skip_all(_DIGITS)
        if self._skip(b"."):
            self._take(_DIGITS, "after decimal point in numeric literal")
            self._skip_all(_DIGITS)
        if self._skip(b"eE"):
            self._skip(b"+-")
            self._take(_DIGITS, "in exponent of numeric literal")
            self._skip_all(_DIGITS)

    def _one(self) -> int:
        if self._at == len(self._content):
            raise _SyntaxProblem(_END)
        self._at += 1
        return self._content[self._at - 1]

    def _take(self, allowed: bytes, where: str) -> int:
        """The next byte, which has to be one of the allowed; where there is none, Go looks at a space instead."""
        if self._at == len(self._content):
            raise _SyntaxProblem(f"invalid character ' ' {where}")
        letter = self._one()
        if letter not in allowed:
            self._at -= 1
            raise self._invalid(where)
        return letter

    def _skip(self, allowed: bytes) -> bool:
        """Whether the next byte was one of these; it is passed then."""
        is_there = self._at < len(self._content) and self._content[self._at] in allowed
        self._at += is_there
        return is_there

    def _skip_all(self, allowed: bytes) -> None:
        while self._skip(allowed):
            pass

    def _invalid(self, where: str) -> _SyntaxProblem:
        letter = chr(self._content[self._at])
        shown = {"'": "\\'", '"': '"'}.get(letter) or go_quote(letter)[1:-1]
        return _SyntaxProblem(f"invalid character '{shown}' {where}")
