"""What looks for something: busybox's findutils."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.findutils import grep

APPLETS: Mapping[str, Applet] = {
    "grep": Applet(grep.run, usage="[-EFHhilLnoqsvwxc] PATTERN|-e PATTERN [FILE]..."),
}
