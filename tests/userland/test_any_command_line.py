"""Every applet with any words and any input: it ends with a code, or waits, and says what is wrong in its own words."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubesim.userland.applets import APPLETS
from kubesim.userland.processes.process import BytesFile

if TYPE_CHECKING:
    from conftest import World

_LETTERS = [f"-{letter}" for letter in string.ascii_letters + string.digits]
_PLAIN = (
    *("", "-", "--", "---", "--help", "=", "a=b", "if=/data/plain", "of=/tmp/x", "bs=2", "conv=sync", "{}", ";", "+"),
    *("0", "1", "-1", "007", "0x10", "1.5", "1e9", "9" * 20, "1k", "3-1", "1,2", "2-", "TERM", "SIGKILL", "755", "@0"),
    *("/data/plain", "/data/link", "/data", "/tmp", "/etc/passwd", "nofile", "/nodir/x", "/dev/null", "/", "/tmp/x"),
    *("/proc", "x/y/../z", "root", "nobody", "root:root", ":", "u+x", "a=", "+%s", "%d", "%s\\n", "infinity", "nan"),
    *("s/a/b/", "/a/,$d", "$!N", "[", "[a-", "\\(", "*", "^$", "a|b", "[:alpha:]", "a-z", "z-a", "-exec", "-name"),
    *("echo", "sh", "-c", "true", "sleep", "!", "(", ")", "-a", "-o", "-eq", "é", "\udcff", "a b", "\n", "\\"),
)
WORDS = st.lists(
    st.one_of(st.sampled_from(_PLAIN), st.sampled_from(_LETTERS), st.text(alphabet="-=%:,./a1é\\*[", max_size=5)),
    max_size=6,
)
INPUTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"b a\nd c\n\nlast", b"\0\xff\n", b"1\n2\n10\n" * 3]))
_SUBCOMMANDS = ("entrypoint-tester", "logs-generator", "mounttest", "netexec", "nonewprivs", "pause")
PROGRAMS = [*sorted(APPLETS), *(f"/agnhost {name}" for name in _SUBCOMMANDS)]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.sampled_from(PROGRAMS), words=WORDS, data=INPUTS)
def test_any_command_line_ends_with_a_code_or_waits(world: World, program: str, words: list[str], data: bytes) -> None:
    """An exception in a program would come out of the kernel; a loop without a step would never come back."""
    world = type(world)()  # what one example does to files is nothing to the next
    command = world.start(*program.split(" "), *words, stdin=BytesFile(data), cwd="/tmp")
    world.advance(2)

    assert command.code is None or 0 <= command.code <= 255
    assert b"Traceback" not in b"".join(command.stderr)
