"""nginx: its processes, what it serves, what it logs, how it ends."""

from __future__ import annotations

import pytest

from kubesim.userland.network.address import SocketAddress
from kubesim.userland.processes.signals import NUMBERS

from .conftest import Command, World

POD = "10.88.0.2"
PATH = (("PATH", "/bin:/usr/sbin"),)


@pytest.fixture
def nginx(world: World) -> Command:
    """A pod with nginx as its first process."""
    network = world.table.network.add_pod(POD)
    command = world.start("nginx", "-g", "daemon off;", env=PATH, is_init=True, network=network)
    world.advance(0.1)
    return command


def test_nginx_is_a_master_with_a_worker_and_a_pid_file(world: World, nginx: Command) -> None:
    shown = world.run("sh", "-c", "cat /var/run/nginx.pid; tr '\\0' '\\n' < /proc/1/cmdline", inside=nginx.process)
    assert shown.out == "1\nnginx: master process nginx -g daemon off;\n"
    assert [process.argv for process in nginx.process.children] == [["nginx: worker process"]]


def test_nginx_is_found_by_its_name_whatever_its_title(world: World, nginx: Command) -> None:
    script = "pidof nginx; pgrep nginx; cat /proc/1/comm /proc/2/comm; ps -o comm"
    shown = world.run("sh", "-c", script, inside=nginx.process).out
    assert shown.splitlines()[:5] == ["2 1", "1", "2", "nginx", "nginx"]
    assert shown.splitlines()[6:8] == ["nginx", "nginx"]


def test_nginx_serves_and_logs(world: World, nginx: Command) -> None:
    asked = world.run("sh", "-c", f"wget -q -O - http://{POD}; wget -q -O - http://{POD}/nope", inside=nginx.process)
    assert asked.out == "<h1>Welcome to nginx!</h1>\n"
    assert asked.err == "wget: server returned error: HTTP/1.1 404 Not Found\n"
    lines = nginx.out.splitlines()
    assert lines[0].startswith(f"{POD} - - [")
    assert lines[0].endswith('] "GET / HTTP/1.1" 200 27 "-" "Wget" "-"')
    assert '"GET /nope HTTP/1.1" 404 ' in lines[1]


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_nginx_ends_and_lets_go_of_its_port(world: World, nginx: Command, name: str) -> None:
    network = nginx.process.network
    assert network.listener_at(SocketAddress(POD, 80)) is not None
    nginx.process.signal(NUMBERS[name])
    world.advance(0.1)
    assert nginx.code == 0
    assert network.listener_at(SocketAddress(POD, 80)) is None
    assert not world.files.as_root().exists("/var/run/nginx.pid")


def test_two_nginx_in_one_pod_do_not_get_one_port(world: World, nginx: Command) -> None:
    second = world.run("nginx", "-g", "daemon off;", env=PATH, network=nginx.process.network)
    assert second.err == "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
    assert second.code == 1


@pytest.mark.parametrize(
    ("site", "port"), [("server { listen 12003; }\n", 12003), ("server {\n    listen 8080;\n}\n", 8080)]
)
def test_nginx_takes_the_port_of_its_site(world: World, site: str, port: int) -> None:
    world.files.make_directories("/etc/nginx/conf.d")
    world.files.as_root().write("/etc/nginx/conf.d/default.conf", site.encode())
    network = world.table.network.add_pod(POD)
    world.start("nginx", "-g", "daemon off;", env=PATH, is_init=True, network=network)
    world.advance(0.1)

    assert network.listener_at(SocketAddress(POD, port)) is not None


@pytest.mark.parametrize("site", ["server { listen 0; }", "server { listen 80; root /x; }", "server { listen 99999; }"])
def test_nginx_refuses_a_site_that_says_more(world: World, site: str) -> None:
    world.files.make_directories("/etc/nginx/conf.d")
    world.files.as_root().write("/etc/nginx/conf.d/default.conf", site.encode())
    refused = world.run("nginx", "-g", "daemon off;", env=PATH)

    assert refused.code == 1
    assert "nothing but `server { listen PORT; }` is emulated" in refused.err
