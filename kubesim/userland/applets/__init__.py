"""Busybox's commands, one file each: `async def run(process) -> int`, in packages as busybox keeps them.

APPLETS holds them by name. Texts are busybox's; what an option does not do yet is an error, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets import (
    archival,
    coreutils,
    debianutils,
    editors,
    findutils,
    miscutils,
    networking,
    procps,
    shells,
    util_linux,
)
from kubesim.userland.applets.applet import Applet

APPLETS: Mapping[str, Applet] = {
    **archival.APPLETS,
    **coreutils.APPLETS,
    **debianutils.APPLETS,
    **editors.APPLETS,
    **findutils.APPLETS,
    **miscutils.APPLETS,
    **networking.APPLETS,
    **procps.APPLETS,
    **shells.APPLETS,
    **util_linux.APPLETS,
}
