"""The programs there are, by the name that a file of an image carries in `TreeNode.program`.

busybox            every applet; which one is said by argv[0], or by argv[1] when that is `busybox`
busybox:APPLET     one applet
numeric-id         `id` that prints numbers only, as the Kubernetes documentation shows it
pause, nnp, agnhost, echoserver
                   programs of well-known images
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets import APPLETS
from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.coreutils.id import NUMERIC_ID
from kubesim.userland.image_programs.agnhost import run_agnhost
from kubesim.userland.image_programs.nnp import run_nnp
from kubesim.userland.image_programs.pause import run_echoserver, run_pause
from kubesim.userland.processes.process_life import Process, Program


async def run_busybox(process: Process) -> int:
    """The multi-call binary."""
    if process.name == "busybox":
        if len(process.argv) < 2:
            await process.say(f"Currently defined functions:\n\t{', '.join(sorted(APPLETS))}\n")
            return 0
        process.argv = process.argv[1:]
    applet = APPLETS.get(process.name)
    if applet is None:
        await process.write(2, f"{process.name}: applet not found\n".encode(errors="surrogateescape"))
        return 127
    return await applet(process)


PROGRAMS: Mapping[str, Program] = {
    "busybox": run_busybox,
    **{f"busybox:{name}": applet for name, applet in APPLETS.items()},
    "numeric-id": NUMERIC_ID,
    "pause": run_pause,
    "nnp": run_nnp,
    "agnhost": run_agnhost,
    "echoserver": run_echoserver,
}

__all__ = ["PROGRAMS", "Applet", "run_busybox"]
