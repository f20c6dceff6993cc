"""Busybox's commands and the programs of well-known images, one file each: `async def run(process) -> int`.

APPLETS holds them by name. Texts are busybox's; what an option does not do yet is an error, never ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets import (
    basename,
    cat,
    date,
    dirname,
    echo,
    env,
    grep,
    head,
    hostname,
    id,  # noqa: A004 - the command's own name
    ls,
    mkdir,
    pgrep,
    printf,
    pwd,
    rm,
    rmdir,
    seq,
    sh,
    sleep,
    sort,
    sync,
    tail,
    test,
    top,
    touch,
    true,
    uname,
    wc,
    whoami,
)
from kubesim.userland.applets.applet import Applet

APPLETS: Mapping[str, Applet] = {
    "[": Applet(test.run, usage="EXPRESSION ]"),
    "ash": Applet(sh.run, usage=sh.USAGE),
    "basename": Applet(basename.run, usage="FILE [SUFFIX]"),
    "cat": Applet(cat.run, usage="[-nu] [FILE]..."),
    "date": Applet(date.run, usage="[-u] [+FMT]"),
    "dirname": Applet(dirname.run, usage="FILENAME"),
    "echo": Applet(echo.run, usage="[-neE] [ARG]..."),
    "env": Applet(env.run, usage="[-i] [-u NAME]... [NAME=VALUE]... [PROG ARGS]"),
    "false": Applet(true.run_false, usage=""),
    "grep": Applet(grep.run, usage="[-EFHhilLnoqsvwxc] PATTERN|-e PATTERN [FILE]..."),
    "groups": Applet(id.run_groups, usage="[USER]"),
    "head": Applet(head.run, usage="[-n N] [-c N] [FILE]..."),
    "hostname": Applet(hostname.run, usage="[-s]"),
    "id": Applet(id.run, usage="[-ugGnr] [USER]"),
    "ls": Applet(ls.run, usage="[-1AaFdlRr] [FILE]..."),
    "mkdir": Applet(mkdir.run, usage="[-m MODE] [-p] DIRECTORY..."),
    "pgrep": Applet(pgrep.run, usage="[-flnovx] PATTERN"),
    "pidof": Applet(pgrep.run_pidof, usage="[-s] [-o PID] [NAME]..."),
    "printf": Applet(printf.run, usage="FORMAT [ARG]..."),
    "pwd": Applet(pwd.run, usage=""),
    "rm": Applet(rm.run, usage="[-rf] FILE..."),
    "rmdir": Applet(rmdir.run, usage="[-p] DIRECTORY..."),
    "seq": Applet(seq.run, usage="[-w] [-s SEP] [FIRST [INC]] LAST"),
    "sh": Applet(sh.run, usage=sh.USAGE),
    "sleep": Applet(sleep.run, usage="[N]..."),
    "sort": Applet(sort.run, usage="[-nru] [FILE]..."),
    "sync": Applet(sync.run, usage="[-df] [FILE]..."),
    "tail": Applet(tail.run, usage="[-n N] [-c N] [-f] [FILE]..."),
    "test": Applet(test.run, usage="EXPRESSION"),
    "top": Applet(top.run, usage="[-b] [-n COUNT] [-d SECONDS]"),
    "touch": Applet(touch.run, usage="[-c] FILE..."),
    "true": Applet(true.run, usage=""),
    "uname": Applet(uname.run, usage="[-amnrsv]"),
    "wc": Applet(wc.run, usage="[-clw] [FILE]..."),
    "whoami": Applet(whoami.run, usage=""),
}
