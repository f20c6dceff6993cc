"""What changes or compares text: busybox's editors."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.editors import sed

APPLETS: Mapping[str, Applet] = {
    "sed": Applet(
        sed.run, usage="[-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]...\nor: sed [-i[SFX]] [-nrE] CMD [FILE]..."
    ),
}
