"""Base64 read the way Go's standard encoding reads it, with its words for what is none.

Mirrors Go: encoding/base64/base64.go, decodeQuantum.
"""

from __future__ import annotations

import base64

from kubesim.errors import KubesimError

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_LINE_ENDS = frozenset(b"\r\n")
_PAD = ord("=")


class InvalidBase64(KubesimError):
    """The text is no base64. `str(error)` is Go's message."""


def go_base64_decode(text: str, *, is_padded: bool = True) -> bytes:
    """The bytes that `text` stands for. Line ends are skipped; bits that stand for nothing are not looked at.

    `is_padded` says which encoding is meant: StdEncoding, or RawStdEncoding, which has no `=` at its end.

    Raises:
        InvalidBase64: with the place that Go names.
    """
    encoded = text.encode("utf-8", "surrogateescape")
    kept = [(at, byte) for at, byte in enumerate(encoded) if byte not in _LINE_ENDS]
    body = next((index for index, (_, byte) in enumerate(kept) if byte not in _ALPHABET), len(kept))
    quantum = body % 4
    if body == len(kept):
        if quantum and (is_padded or quantum == 1):
            raise _corrupt(len(encoded) - quantum)
    elif not is_padded:
        raise _corrupt(kept[body][0])
    else:
        _check_padding(kept, body, length=len(encoded))
    digits = bytes(byte for _, byte in kept[:body])
    return base64.b64decode(digits + b"=" * (-quantum % 4))


def _check_padding(kept: list[tuple[int, int]], body: int, *, length: int) -> None:
    """Check what follows the last digit of the alphabet: as much padding as its quantum lacks, and nothing else."""
    at, byte = kept[body]
    quantum = body % 4
    if byte != _PAD or quantum < 2:
        raise _corrupt(at)
    end = body + 1
    if quantum == 2:
        if end == len(kept):
            raise _corrupt(length)
        second_at, second = kept[end]
        if second != _PAD:
            raise _corrupt(second_at - 1)
        end += 1
    if end < len(kept):
        raise _corrupt(kept[end][0])


def _corrupt(at: int) -> InvalidBase64:
    return InvalidBase64(f"illegal base64 data at input byte {at}")
