"""The emulated programs an image can hold.

A file whose `TreeNode.program` is set runs that program when it is executed. The name before the colon is the
program, what follows is its applet; `userland` carries them out. This list is the contract between the two rooms:
an applet is named here when userland has it.
"""

from __future__ import annotations

from kubesim.images.tree import TreeNode, file_node

BUSYBOX_APPLETS = (
    "[",
    "ash",
    "base64",
    "basename",
    "brctl",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "cp",
    "crc32",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dirname",
    "dos2unix",
    "du",
    "echo",
    "egrep",
    "env",
    "expand",
    "expr",
    "factor",
    "false",
    "fgrep",
    "find",
    "fold",
    "free",
    "fsync",
    "grep",
    "groups",
    "head",
    "hexdump",
    "hostname",
    "httpd",
    "id",
    "ifconfig",
    "ip",
    "ipcs",
    "kill",
    "killall",
    "link",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "nc",
    "netstat",
    "nl",
    "nohup",
    "nproc",
    "nslookup",
    "paste",
    "pgrep",
    "pidof",
    "ping",
    "pkill",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rev",
    "rm",
    "rmdir",
    "route",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shuf",
    "sleep",
    "sort",
    "stat",
    "strings",
    "stty",
    "sum",
    "sync",
    "tac",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "top",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "umount",
    "uname",
    "unexpand",
    "uniq",
    "unix2dos",
    "unlink",
    "uptime",
    "usleep",
    "wc",
    "wget",
    "which",
    "whoami",
    "xargs",
    "xxd",
    "yes",
)
"""Applets of the emulated busybox, sorted."""

SINGLE_PROGRAMS = ("agnhost", "apache", "busybox", "echoserver", "nginx", "nnp", "numeric-id", "pause")
"""Programs that are one file: `agnhost` with its subcommands, `busybox` which takes its applet from its name or its
first argument, `numeric-id` which is `id` without names, `nnp` which tells who runs it, `nginx`, `apache`, and
`echoserver` and `pause`, which wait for a signal."""

PROGRAMS = frozenset({*SINGLE_PROGRAMS, *(f"busybox:{applet}" for applet in BUSYBOX_APPLETS)})
"""Every value that `TreeNode.program` can have, besides "" and the scripts."""

SCRIPT_PREFIX = "script:"
"""What the value begins with for a program that a fixture describes itself; its encoded script follows."""

USERLANDS = {"busybox": BUSYBOX_APPLETS}
"""What `userland: NAME` in a fixture fills a directory with, besides NAME itself."""


_PROGRAM_MARK = "kubesim program "


def program_of(content: bytes) -> str:
    """The program that the bytes of a file stand for, wherever they were copied to; "" for any other bytes.

    >>> program_of(b"kubesim program pause\\n")
    'pause'
    """
    mark = _PROGRAM_MARK.encode()
    if not content.startswith(mark) or not content.endswith(b"\n"):
        return ""
    program = content[len(mark) : -1].decode(errors="replace")
    return program if program in PROGRAMS or program.startswith(SCRIPT_PREFIX) else ""


def program_node(program: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> TreeNode:
    """An executable file that runs `program`. Its bytes say so, for whoever reads it as data."""
    content = f"{_PROGRAM_MARK}{program}\n".encode()
    return file_node(content, mode=mode, uid=uid, gid=gid, program=program)


def userland_nodes(userland: str) -> dict[str, TreeNode]:
    """The files of a userland by name. Raises KeyError for one that USERLANDS does not have."""
    nodes = {applet: program_node(f"{userland}:{applet}") for applet in USERLANDS[userland]}
    return nodes | {userland: program_node(userland)}
