"""What looks at processes: busybox's procps."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.procps import (
    ipcs,
    kill,
    machine,
    pgrep,
    ps,
    top,
)

APPLETS: Mapping[str, Applet] = {
    "free": Applet(machine.run_free, usage="[-bkmg]"),
    "ipcs": Applet(ipcs.run, usage="[-amqs]"),
    "kill": Applet(kill.run, usage="[-l] [-SIG] PID..."),
    "killall": Applet(kill.run_killall, usage="[-lq] [-SIG] PROCESS_NAME..."),
    "pgrep": Applet(pgrep.run, usage="[-flanovx] [-P PPID|PATTERN]"),
    "pidof": Applet(pgrep.run_pidof, usage="[-s] [-o PID] [NAME]..."),
    "pkill": Applet(kill.run_pkill, usage="[-l|-SIGNAL] [-xfvno] [-P PPID|PATTERN]"),
    "ps": Applet(ps.run, usage="[-o COL1,COL2=HEADER]"),
    "top": Applet(top.run, usage="[-b] [-n COUNT] [-d SECONDS]"),
    "uptime": Applet(machine.run_uptime, usage=""),
}
