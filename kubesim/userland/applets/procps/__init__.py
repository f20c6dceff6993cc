"""What looks at processes: busybox's procps."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.procps import (
    pgrep,
    top,
)

APPLETS: Mapping[str, Applet] = {
    "pgrep": Applet(pgrep.run, usage="[-flnovx] PATTERN"),
    "pidof": Applet(pgrep.run_pidof, usage="[-s] [-o PID] [NAME]..."),
    "top": Applet(top.run, usage="[-b] [-n COUNT] [-d SECONDS]"),
}
