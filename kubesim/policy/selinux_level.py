"""Whether an SELinux level has the form of one; containerd looks even where SELinux is off.

Mirrors containerd: internal/cri/server/helpers.go, checkSelinuxLevel.
"""

from __future__ import annotations

import re

_LEVEL = re.compile(r"s\d(-s\d)??(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?", re.ASCII)


def is_selinux_level(text: str) -> bool:
    """Whether it may stand in `selinux_options.level`.

    >>> is_selinux_level("s0:c1,c2"), is_selinux_level("wrong")
    (True, False)
    """
    return not text or _LEVEL.fullmatch(text) is not None
