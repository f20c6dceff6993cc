"""What busybox keeps nowhere else: its miscutils."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.miscutils import strings

APPLETS: Mapping[str, Applet] = {
    "strings": Applet(strings.run, usage="[-fo] [-t o|d|x] [-n LEN] [FILE]..."),
}
