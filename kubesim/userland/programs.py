"""The programs there are, by the name that a file of an image carries in `TreeNode.program`.

busybox            every applet; which one is said by argv[0], or by argv[1] when that is `busybox`
busybox:APPLET     one applet
numeric-id         `id` that prints numbers only, as the Kubernetes documentation shows it
pause, nginx, apache, nnp, agnhost, echoserver
                   programs of well-known images
script:JSON        a program that its fixture describes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubesim.errors import InputError
from kubesim.images.programs import SCRIPT_PREFIX
from kubesim.userland.applets import APPLETS
from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.coreutils.id import NUMERIC_ID
from kubesim.userland.image_programs.agnhost import run_agnhost
from kubesim.userland.image_programs.apache import run_httpd
from kubesim.userland.image_programs.nginx import run_nginx
from kubesim.userland.image_programs.nnp import run_nnp
from kubesim.userland.image_programs.pause import run_echoserver, run_pause
from kubesim.userland.image_programs.script import scripted_program
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


class Programs(Mapping[str, Program]):
    """Programs by name: those that are built in, which iteration gives, and every script."""

    def __init__(self, built_in: Mapping[str, Program]) -> None:
        self._built_in = built_in

    def __getitem__(self, name: str) -> Program:
        """The program. Raises KeyError for one that is not emulated, a script among them that makes no sense."""
        if not name.startswith(SCRIPT_PREFIX):
            return self._built_in[name]
        try:
            return scripted_program(name.removeprefix(SCRIPT_PREFIX))
        except InputError as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._built_in)

    def __len__(self) -> int:
        return len(self._built_in)


PROGRAMS = Programs(
    {
        "busybox": run_busybox,
        **{f"busybox:{name}": applet for name, applet in APPLETS.items()},
        "numeric-id": NUMERIC_ID,
        "pause": run_pause,
        "nnp": run_nnp,
        "agnhost": run_agnhost,
        "echoserver": run_echoserver,
        "nginx": run_nginx,
        "apache": run_httpd,
    }
)

__all__ = ["PROGRAMS", "Applet", "Programs", "run_busybox"]
