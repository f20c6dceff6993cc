"""The commands of coreutils that turn text into other text, and those that sum it up."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.coreutils import (
    base64,
    cat,
    checksums,
    cksum,
    cut,
    dos2unix,
    expand,
    expr,
    factor,
    fold,
    nl,
    paste,
    printenv,
    shuf,
    sort,
    tac,
    tee,
    tr,
    uniq,
    usleep,
    yes,
)

_SORT_USAGE = (
    "[-nrugMcszbdfiokt] [-o FILE] [-k START[.OFS][OPTS][,END[.OFS][OPTS]] [-t CHAR] [FILE]...\n\nSort lines of text"
)

TEXT_APPLETS: Mapping[str, Applet] = {
    "base64": Applet(base64.run, usage="[-d] [-w COL] [FILE]"),
    "cat": Applet(cat.run, usage="[-nbvteA] [FILE]..."),
    "cksum": Applet(cksum.run_cksum, usage="FILE..."),
    "crc32": Applet(cksum.run_crc32, usage="FILE..."),
    "cut": Applet(cut.run, usage="[OPTIONS] [FILE]..."),
    "dos2unix": Applet(dos2unix.run, usage="[-ud] [FILE]"),
    "expand": Applet(expand.run, usage="[-i] [-t N] [FILE]..."),
    "expr": Applet(expr.run, usage="EXPRESSION"),
    "factor": Applet(factor.run, usage="[NUMBER]..."),
    "fold": Applet(fold.run, usage="[-bs] [-w WIDTH] [FILE]..."),
    "md5sum": Applet(checksums.sum_command("md5"), usage="[-c[sw]] [FILE]..."),
    "nl": Applet(nl.run, usage="[OPTIONS] [FILE]..."),
    "paste": Applet(paste.run, usage="[-d LIST] [-s] [FILE]..."),
    "printenv": Applet(printenv.run, usage="[VARIABLE]..."),
    "sha1sum": Applet(checksums.sum_command("sha1"), usage="[-c[sw]] [FILE]..."),
    "sha256sum": Applet(checksums.sum_command("sha256"), usage="[-c[sw]] [FILE]..."),
    "sha512sum": Applet(checksums.sum_command("sha512"), usage="[-c[sw]] [FILE]..."),
    "shuf": Applet(shuf.run, usage="[-n NUM] [-o FILE] [-z] [FILE | -e [ARG...] | -i L-H]"),
    "sort": Applet(sort.run, usage=_SORT_USAGE, usage_code=2),
    "sum": Applet(cksum.run_sum, usage="[-rs] [FILE]..."),
    "tac": Applet(tac.run, usage="[FILE]..."),
    "tee": Applet(tee.run, usage="[-ai] [FILE]..."),
    "tr": Applet(tr.run, usage="[-cds] STRING1 [STRING2]"),
    "unexpand": Applet(expand.run_unexpand, usage="[-fa][-t N] [FILE]..."),
    "uniq": Applet(uniq.run, usage="[-cduiz] [-f,s,w N] [FILE [OUTFILE]]"),
    "unix2dos": Applet(dos2unix.run, usage="[-ud] [FILE]"),
    "usleep": Applet(usleep.run, usage="N"),
    "yes": Applet(yes.run, usage="[STRING]"),
}
