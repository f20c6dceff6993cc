"""Mounts, and more of what busybox keeps from util-linux."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.util_linux import hexdump, mount, mountpoint, rev, setsid, umount

APPLETS: Mapping[str, Applet] = {
    "hexdump": Applet(hexdump.run, usage="[-bcdoxCv] [-n LEN] [-s OFS] [FILE]..."),
    "xxd": Applet(hexdump.run_xxd, usage="[-pi] [-g N] [-c N] [-l LEN] [-s OFS] [-o OFS] [FILE]"),
    "mount": Applet(mount.run, usage="[OPTIONS] [-o OPT] DEVICE NODE"),
    "mountpoint": Applet(mountpoint.run, usage="[-q] { [-dn] DIR | -x DEVICE }"),
    "rev": Applet(rev.run, usage="[FILE]..."),
    "setsid": Applet(setsid.run, usage="[-c] PROG ARGS"),
    "umount": Applet(umount.run, usage="[-rlfda] [-t FSTYPE] FILESYSTEM|DIRECTORY"),
}
