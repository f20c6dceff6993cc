"""Files and text, who one is and what time it is: busybox's coreutils."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.coreutils import (
    basename,
    cat,
    date,
    dirname,
    echo,
    env,
    head,
    id,  # noqa: A004 - the command's own name
    ls,
    mkdir,
    printf,
    pwd,
    rm,
    rmdir,
    seq,
    sleep,
    sort,
    sync,
    tail,
    test,
    touch,
    true,
    uname,
    wc,
    whoami,
)

APPLETS: Mapping[str, Applet] = {
    "[": Applet(test.run, usage="EXPRESSION ]"),
    "basename": Applet(basename.run, usage="FILE [SUFFIX]"),
    "cat": Applet(cat.run, usage="[-nu] [FILE]..."),
    "date": Applet(date.run, usage="[-u] [+FMT]"),
    "dirname": Applet(dirname.run, usage="FILENAME"),
    "echo": Applet(echo.run, usage="[-neE] [ARG]..."),
    "env": Applet(env.run, usage="[-i] [-u NAME]... [NAME=VALUE]... [PROG ARGS]"),
    "false": Applet(true.run_false, usage=""),
    "groups": Applet(id.run_groups, usage="[USER]"),
    "head": Applet(head.run, usage="[-n N] [-c N] [FILE]..."),
    "id": Applet(id.run, usage="[-ugGnr] [USER]"),
    "ls": Applet(ls.run, usage="[-1AaFdlRr] [FILE]..."),
    "mkdir": Applet(mkdir.run, usage="[-m MODE] [-p] DIRECTORY..."),
    "printf": Applet(printf.run, usage="FORMAT [ARG]..."),
    "pwd": Applet(pwd.run, usage=""),
    "rm": Applet(rm.run, usage="[-rf] FILE..."),
    "rmdir": Applet(rmdir.run, usage="[-p] DIRECTORY..."),
    "seq": Applet(seq.run, usage="[-w] [-s SEP] [FIRST [INC]] LAST"),
    "sleep": Applet(sleep.run, usage="[N]..."),
    "sort": Applet(sort.run, usage="[-nru] [FILE]..."),
    "sync": Applet(sync.run, usage="[-df] [FILE]..."),
    "tail": Applet(tail.run, usage="[-n N] [-c N] [-f] [FILE]..."),
    "test": Applet(test.run, usage="EXPRESSION"),
    "touch": Applet(touch.run, usage="[-c] FILE..."),
    "true": Applet(true.run, usage=""),
    "uname": Applet(uname.run, usage="[-amnrsv]"),
    "wc": Applet(wc.run, usage="[-clw] [FILE]..."),
    "whoami": Applet(whoami.run, usage=""),
}
