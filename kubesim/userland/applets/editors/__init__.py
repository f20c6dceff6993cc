"""What changes or compares text: busybox's editors."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.editors import cmp, diff, sed

APPLETS: Mapping[str, Applet] = {
    "cmp": Applet(cmp.run, usage="[-ls] [-n NUM] FILE1 [FILE2 [SKIP1 [SKIP2]]]"),
    "diff": Applet(diff.run, usage="[-abBdiNqrTstw] [-L LABEL] [-S FILE] [-U LINES] FILE1 FILE2"),
    "sed": Applet(
        sed.run, usage="[-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]...\nor: sed [-i[SFX]] [-nrE] CMD [FILE]..."
    ),
}
