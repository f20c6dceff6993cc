"""wget, httpd and agnhost's servers, talking to each other."""

from __future__ import annotations

import pytest

from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.processes.signals import SIGTERM

from .conftest import Command, World

POD = "10.88.0.2"


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    """A pod's network with httpd on port 80."""
    network = world.table.network.add_pod(POD)
    world.sh("mkdir -p /www/d; echo hello > /www/f; echo index > /www/index.html")
    world.start("httpd", "-f", "-h", "/www", network=network)
    world.advance(0.1)
    return network


BAR = "100% |********************************|"


@pytest.mark.parametrize(
    ("command", "code", "stdout", "stderr"),
    [
        (
            "wget -O - http://10.88.0.2/f",
            0,
            "hello\n",
            (
                "Connecting to 10.88.0.2 (10.88.0.2:80)\nwriting to stdout\n"
                f"-                    {BAR}     6  0:00:00 ETA\nwritten to stdout\n"
            ),
        ),
        (
            "cd /tmp; wget 10.88.0.2:80; cat index.html; wget -q 10.88.0.2",
            1,
            "index\n",
            (
                "Connecting to 10.88.0.2:80 (10.88.0.2:80)\nsaving to 'index.html'\n"
                f"index.html           {BAR}     6  0:00:00 ETA\n'index.html' saved\n"
                "wget: can't open 'index.html': File exists\n"
            ),
        ),
        ("wget -q -O - http://10.88.0.2/f http://10.88.0.2/", 0, "hello\nindex\n", ""),
        ("wget -q -O - http://10.88.0.2/nope", 1, "", "wget: server returned error: HTTP/1.1 404 Not Found\n"),
        ("wget --spider http://10.88.0.2/f", 0, "", "Connecting to 10.88.0.2 (10.88.0.2:80)\nremote file exists\n"),
        (
            "wget -q http://10.88.0.2:81/",
            1,
            "",
            "wget: can't connect to remote host (10.88.0.2): Connection refused\n",
        ),
        ("wget -q -T 2 http://198.51.100.1/", 1, "", "wget: download timed out\n"),
        ("wget http://nobody.example/", 1, "", "wget: bad address 'nobody.example'\n"),
        ("wget http://10.88.0.2:99999/", 1, "", "wget: bad port '99999'\n"),
        ("wget -q foo://a", 1, "", "wget: not an http or ftp url: foo://a\n"),
        ("wget -q -O /nodir/x http://10.88.0.2/f", 1, "", "wget: can't open '/nodir/x': No such file or directory\n"),
        ("printf hel > /tmp/c; wget -q -c -O /tmp/c http://10.88.0.2/f; cat /tmp/c", 0, "hello\n", ""),
        ("wget -q -O - http://10.88.0.2/d; true", 0, "", "wget: server returned error: HTTP/1.1 404 Not Found\n"),
    ],
)
def test_wget_says_what_busybox_says(
    world: World, pod: NetworkNamespace, command: str, code: int, stdout: str, stderr: str
) -> None:
    ended = world.sh(command, network=pod)
    assert (ended.out, ended.err, ended.code) == (stdout, stderr, code)


def test_httpd_answers_as_busybox(world: World, pod: NetworkNamespace) -> None:
    world.sh("touch -d '1970-01-02 00:00:00' /www/f")
    asked = world.sh("printf 'GET /nof HTTP/1.0\\r\\n\\r\\n' | nc 10.88.0.2 80 | grep -v Date", network=pod)
    assert asked.out.replace("\r", "") == (
        "HTTP/1.1 404 Not Found\nConnection: close\nContent-type: text/html\n\n"
        "<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\n"
        "The requested URL was not found\n</BODY></HTML>\n"
    )
    asked = world.sh("printf 'PUT / HTTP/1.0\\r\\n\\r\\n' | nc 10.88.0.2 80 | head -n 1", network=pod)
    assert asked.out == "HTTP/1.1 501 Not Implemented\r\n"
    asked = world.sh("printf 'GET /../etc HTTP/1.0\\r\\n\\r\\n' | nc 10.88.0.2 80 | head -n 1", network=pod)
    assert asked.out == "HTTP/1.1 400 Bad Request\r\n"


@pytest.mark.parametrize(
    ("command", "stderr"),
    [
        ("httpd -f -p 1.2.3.4:80", "httpd: bind: Cannot assign requested address\n"),
        ("httpd -f -h /nodir", "httpd: can't change directory to '/nodir': No such file or directory\n"),
        ("httpd -f -p abc", "httpd: bad address 'abc'\n"),
        ("httpd -f", "httpd: bind: Address already in use\n"),
    ],
)
def test_httpd_says_why_it_does_not_begin(world: World, pod: NetworkNamespace, command: str, stderr: str) -> None:
    ended = world.sh(command, network=pod)
    assert (ended.err, ended.code) == (stderr, 1)


def agnhost(world: World, *words: str, **options: object) -> tuple[Command, NetworkNamespace]:
    """A subcommand in a pod of its own."""
    network = world.table.network.add_pod("10.88.0.9")
    command = world.start("/agnhost", *words, network=network, hostname="web-0", **options)
    world.advance(0.1)
    return command, network


@pytest.mark.parametrize(
    ("path", "stdout"),
    [
        ("hostname", "web-0"),
        ("hostName", "web-0"),
        ("echo?msg=a%20b", "a b"),
        ("clientip", "10.88.0.9:32768"),
        ("serverport", "8080"),
        ("header?key=x-a", "1"),
        ("readyz", "ok"),
        ("healthz", ""),
        ("shell?cmd=echo%20hi;exit%203", '{"error":"exit status 3","output":"hi\\n"}'),
        ("dial?host=10.88.0.9&port=8080&request=hostname", '{"responses":["web-0"]}'),
        ("dial?host=10.88.0.9&port=8081&request=hostname&protocol=udp", '{"responses":["web-0"]}'),
    ],
)
def test_netexec_answers(world: World, path: str, stdout: str) -> None:
    _, network = agnhost(world, "netexec")
    asked = world.sh(f"wget -q -O - --header 'X-A: 1' 'http://10.88.0.9:8080/{path}'", network=network)
    assert (asked.out, asked.err, asked.code) == (stdout, "", 0)


def test_netexec_ends_as_it_is_told(world: World) -> None:
    server, network = agnhost(world, "netexec", "--http-port=80", "--udp-port=-1")
    world.start("wget", "-q", "-O", "-", "http://10.88.0.9/exit?code=7&wait=3s", network=network)
    world.advance(2)
    assert server.code is None
    world.advance(2)
    assert server.code == 7


def test_netexec_ends_on_sigterm(world: World) -> None:
    server, _ = agnhost(world, "netexec", "--delay-shutdown", "2", is_init=True)
    server.process.signal(SIGTERM)
    world.advance(1)
    assert server.code is None
    world.advance(2)
    assert server.code == 0


def test_liveness_is_well_for_ten_seconds(world: World) -> None:
    _, network = agnhost(world, "liveness")
    ask = "wget -q -O - http://10.88.0.9:8080/healthz"
    assert world.sh(ask, network=network).out == "ok"
    world.advance(11)
    ended = world.sh(ask, network=network)
    assert ended.err == "wget: server returned error: HTTP/1.1 500 Internal Server Error\n"


def test_porter_serve_hostname_and_test_webserver(world: World) -> None:
    _, network = agnhost(world, "porter", env=(("PATH", "/bin"), ("SERVE_PORT_80", "foo")))
    world.start("/agnhost", "serve-hostname", network=network, hostname="web-1")
    world.start("/agnhost", "test-webserver", "--port", "81", network=network)
    world.advance(0.1)
    asked = world.sh("for u in 80 9376 81/data/plain; do wget -q -O - http://10.88.0.9:$u; echo; done", network=network)
    assert asked.out == "foo\nweb-1\ntext\n\n"


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        (("10.88.0.9:80",), "REFUSED\n"),
        (("10.88.0.9:80", "--timeout=3s", "--protocol", "udp"), "REFUSED\n"),
        (("198.51.100.1:80", "--timeout=3s"), "TIMEOUT\n"),
        (("10.88.0.77:80",), "OTHER: dial tcp 10.88.0.77:80: connect: no route to host\n"),
        (("nobody.example:80",), "DNS: lookup nobody.example: no such host\n"),
    ],
)
def test_connect_says_why(world: World, words: tuple[str, ...], stderr: str) -> None:
    command, _ = agnhost(world, "connect", *words)
    world.advance(200)
    assert (command.err, command.code) == (stderr, 1)
