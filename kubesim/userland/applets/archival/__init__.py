"""Archives: busybox's archival."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.archival import tar

APPLETS: Mapping[str, Applet] = {
    "tar": Applet(tar.run, usage="c|x|t [-ZzJjahmvokO] [-f TARFILE] [-C DIR] [-T FILE] [-X FILE] [FILE]..."),
}
