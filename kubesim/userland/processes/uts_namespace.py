"""Uts namespaces: who shares a host name."""

from __future__ import annotations

HOSTNAME_BYTES_MAX = 64
"""Mirrors linux: include/uapi/linux/utsname.h, __NEW_UTS_LEN."""


class UtsNamespace:
    """A host name that the containers of a pod have together; a pod in the node's network has the node's."""

    __slots__ = ("hostname",)

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname
