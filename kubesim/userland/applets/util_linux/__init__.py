"""Mounts, and more of what busybox keeps from util-linux."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.util_linux import mount, mountpoint, rev, umount

APPLETS: Mapping[str, Applet] = {
    "mount": Applet(mount.run, usage="[OPTIONS] [-o OPT] DEVICE NODE"),
    "mountpoint": Applet(mountpoint.run, usage="[-q] { [-dn] DIR | -x DEVICE }"),
    "rev": Applet(rev.run, usage="[FILE]..."),
    "umount": Applet(umount.run, usage="[-rlfda] [-t FSTYPE] FILESYSTEM|DIRECTORY"),
}
