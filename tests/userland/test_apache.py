"""httpd of Apache: what it says as it starts and ends, what it serves and logs."""

from __future__ import annotations

import pytest

from kubesim.userland.network.address import SocketAddress
from kubesim.userland.processes.signals import NUMBERS

from .conftest import Command, World

POD = "10.88.0.2"
PATH = (("PATH", "/usr/local/apache2/bin:/bin"),)


@pytest.fixture
def httpd(world: World) -> Command:
    """A pod with httpd as its first process."""
    network = world.table.network.add_pod(POD)
    command = world.start("httpd", "-DFOREGROUND", env=PATH, is_init=True, network=network)
    world.advance(0.1)
    return command


def test_httpd_says_how_it_was_started(httpd: Command) -> None:
    unnamed, resumes, line = httpd.err.splitlines()
    assert unnamed.startswith("AH00558: httpd: Could not reliably determine the server's fully qualified domain name")
    assert f", using {POD}." in unnamed
    assert resumes == (
        "[Thu Jan 01 00:00:00.000000 2026] [mpm_event:notice] [pid 1:tid 1] "
        "AH00489: Apache/2.4.39 (Unix) configured -- resuming normal operations"
    )
    assert line.endswith("[core:notice] [pid 1:tid 1] AH00094: Command line: 'httpd -D FOREGROUND'")


def test_httpd_serves_and_logs(world: World, httpd: Command) -> None:
    asked = world.run("sh", "-c", f"wget -q -O - http://{POD}; wget -q -O - http://{POD}/nope", inside=httpd.process)
    assert asked.out == "<html><body><h1>It works!</h1></body></html>\n"
    assert asked.err == "wget: server returned error: HTTP/1.1 404 Not Found\n"
    lines = httpd.out.splitlines()
    assert lines[0].startswith(f"{POD} - - [")
    assert lines[0].endswith('] "GET / HTTP/1.1" 200 45')
    assert '"GET /nope HTTP/1.1" 404 ' in lines[1]


@pytest.mark.parametrize(("name", "said"), [("TERM", "AH00491: caught SIGTERM"), ("WINCH", "AH00492: caught SIGWINCH")])
def test_httpd_ends_and_lets_go_of_its_port(world: World, httpd: Command, name: str, said: str) -> None:
    network = httpd.process.network
    httpd.process.signal(NUMBERS[name])
    world.advance(0.1)
    assert httpd.code == 0
    assert said in httpd.err
    assert network.listener_at(SocketAddress(POD, 80)) is None


def test_what_is_not_emulated_is_said(world: World) -> None:
    assert world.run("httpd", env=PATH).err == "httpd: only `httpd -DFOREGROUND` is emulated\n"
