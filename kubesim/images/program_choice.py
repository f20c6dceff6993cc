"""Which emulated program runs in the place of a real one.

No machine code of an image is ever executed. A file that begins as an ELF file does runs the emulated program of its
name, and the name is that under which it was called: `/bin/ls`, a link to `busybox`, is called `ls`, and `/bin/sh`, a
link to `dash` or `bash`, is called `sh`. So it does not matter whether an image has one file for each program, hard
links, or links to a busybox. The name of the file behind the links counts where the called one says nothing. A file
`httpd` is Apache unless it lies in /bin or /usr/bin, where only busybox has it.

A script is no machine code: it is run by what its first line names. What has no emulated program cannot be executed.
"""

from __future__ import annotations

import posixpath

from kubesim.images.programs import BUSYBOX_APPLETS

ELF_MAGIC = b"\x7fELF"

_SINGLE = {
    "agnhost": "agnhost",
    "apache2": "apache",
    "busybox": "busybox",
    "dash": "busybox:sh",
    "nginx": "nginx",
    "nnp": "nnp",
    "pause": "pause",
}
_BUSYBOX_DIRECTORIES = ("/bin", "/usr/bin")
_APPLETS = frozenset(BUSYBOX_APPLETS)


def program_for_machine_code(beginning: bytes, *, called: str, path: str) -> str:
    """The emulated program of a file that can be executed; "" for none.

    `beginning` are its first bytes, `called` the path that was asked for, and `path` that of the file with all links
    followed.

    >>> program_for_machine_code(b"\\x7fELF", called="/bin/sh", path="/usr/bin/dash")
    'busybox:sh'
    """
    if not beginning.startswith(ELF_MAGIC):
        return ""
    directory, own = posixpath.split(path)
    if own == "httpd" and directory not in _BUSYBOX_DIRECTORIES:
        return "apache"
    for name in (posixpath.basename(called), own):
        if name in _SINGLE:
            return _SINGLE[name]
        if name in _APPLETS:
            return f"busybox:{name}"
    return ""
