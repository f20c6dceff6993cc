"""What Debian adds: busybox's debianutils."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.debianutils import which

APPLETS: Mapping[str, Applet] = {
    "which": Applet(which.run, usage="[-a] COMMAND..."),
}
