"""The kubelet's log lines that a user may look for, as values.

Only what tells a story of its own is kept (shutdown, cgroup driver, node status), with the kubelet's own words, so that
a line found in a real journal can be found here. Each line also goes to Python's logging.

Mirrors klog: k8s.io/klog/v2, internal/serialize/keyvalues.go: `I "message" key="text" number=3 list=["a"]`.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kubesim.kernel import Kernel

LINES_MAX = 10_000
"""Older lines are dropped beyond this, so that a long run stays small."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KlogLine:
    """One line. `verbosity` is the level from which a real kubelet prints it; errors are always printed."""

    time_ns: int
    severity: Literal["I", "E"]
    message: str
    values: Mapping[str, object] = field(default_factory=dict)
    verbosity: int = 0

    def __str__(self) -> str:
        pairs = "".join(f" {key}={_value(value)}" for key, value in self.values.items())
        return f"{self.severity} {json.dumps(self.message, ensure_ascii=False)}{pairs}"


class Klog:
    """Collects lines in the order they were written."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lines: deque[KlogLine] = deque(maxlen=LINES_MAX)

    @property
    def lines(self) -> tuple[KlogLine, ...]:
        """The last lines, oldest first."""
        return tuple(self._lines)

    def texts(self, *, verbosity: int = 2) -> list[str]:
        """The lines as text, without those that a kubelet prints only from a higher level. Its default is 2."""
        return [str(line) for line in self._lines if line.verbosity <= verbosity]

    def info(self, message: str, /, *, verbosity: int = 0, **values: object) -> None:
        """Write an information line."""
        self._write(
            KlogLine(time_ns=self._kernel.now_ns, severity="I", message=message, values=values, verbosity=verbosity)
        )

    def line(self, message: str, values: Mapping[str, object]) -> None:
        """Write an information line whose keys are not known here."""
        self._write(KlogLine(time_ns=self._kernel.now_ns, severity="I", message=message, values=values))

    def error(self, message: str, /, *, err: str = "", **values: object) -> None:
        """Write an error line; `err` is the text of the error, "" for none."""
        if err:
            values = {"err": err, **values}
        self._write(KlogLine(time_ns=self._kernel.now_ns, severity="E", message=message, values=values))

    def _write(self, line: KlogLine) -> None:
        self._lines.append(line)
        # An error of the emulated kubelet is not an error of kubesim, so that no line of it is louder than another.
        _log.info("%s", line)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
