"""What looks for something: busybox's findutils."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.findutils import find, grep, xargs

_GREP_USAGE = "[-HhnlLoqvsrRiwFEz] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]..."

APPLETS: Mapping[str, Applet] = {
    "find": Applet(find.run, usage="[-HL] [PATH]... [OPTIONS] [ACTIONS]"),
    "egrep": Applet(grep.run, usage=_GREP_USAGE, usage_code=2),
    "fgrep": Applet(grep.run, usage=_GREP_USAGE, usage_code=2),
    "grep": Applet(grep.run, usage=_GREP_USAGE, usage_code=2),
    "xargs": Applet(xargs.run, usage="[OPTIONS] [PROG ARGS]"),
}
