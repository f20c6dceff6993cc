"""What has to do with the network: busybox's networking."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.networking import hostname

APPLETS: Mapping[str, Applet] = {
    "hostname": Applet(hostname.run, usage="[-sidf] [HOSTNAME | -F FILE]"),
}
