"""The shell by its names."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.shells import sh

APPLETS: Mapping[str, Applet] = {
    "ash": Applet(sh.run, usage=sh.USAGE),
    "sh": Applet(sh.run, usage=sh.USAGE),
}
