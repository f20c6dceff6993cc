"""Sizes of a terminal, as clients of Exec and Attach send them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecoder

from kubesim.server.streaming.peers import Resized

SIZES_BYTES_MAX = 4096
"""Of one size, which has about thirty."""

_NOT_SPACE = re.compile(r"[^ \t\r\n]")


class SizeReader:
    """Sizes of a terminal as a stream of JSON documents, cut anywhere. After one that is none, no other counts.

    Mirrors Kubernetes: staging/src/k8s.io/cri-streaming/pkg/streaming/remotecommand/httpstream.go, handleResizeEvents.
    """

    __slots__ = ("_is_broken", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._is_broken = False

    def feed(self, data: bytes) -> Iterator[Resized]:
        """The sizes that are complete now."""
        if self._is_broken:
            return
        # One character for each byte, so that it does not matter where they are cut: only ASCII is looked at.
        text = self._text + data.decode("latin-1")
        at = 0
        while match := _NOT_SPACE.search(text, at):
            at = match.start()
            try:
                document, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                # Not complete, or never: more than a size can have decides it.
                self._is_broken = len(text) - at > SIZES_BYTES_MAX or text[at] != "{"
                break
            size = _size(document)
            if size is None or at - match.start() > SIZES_BYTES_MAX:
                self._is_broken = True
                break
            yield size
        else:
            at = len(text)
        self._text = "" if self._is_broken else text[at:]


_DECODER = JSONDecoder()
_SIZE_MAX = 65_535


def _size(document: object) -> Resized | None:
    """A size as Go reads it into two uint16: names in any case, missing ones are 0."""
    if not isinstance(document, dict):
        return None
    fields = {str(name).lower(): value for name, value in document.items()}
    numbers = [fields.get(name) or 0 for name in ("width", "height")]
    if not all(type(number) is int and 0 <= number <= _SIZE_MAX for number in numbers):
        return None
    return Resized(columns=numbers[0], rows=numbers[1])
