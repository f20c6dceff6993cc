"""Socket addresses: what is taken, what is refused, what is left behind."""

import socket
import stat
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.server.address import ListeningPath, TcpAddress, UnixAddress, parse_address, socket_path

UNIX_OR_TCP = "use unix:///absolute/path.sock or tcp://127.0.0.1:PORT"


@pytest.mark.parametrize("address", ["unix:///run/k.sock", "unix:/run/k.sock", "/run/k.sock"])
def test_three_ways_to_write_an_address(address: str) -> None:
    assert socket_path(address) == Path("/run/k.sock")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("npipe:////./pipe/k", f'"npipe:////./pipe/k" is neither a unix socket nor TCP; {UNIX_OR_TCP}'),
        ("unix:///a\0b", "'/a\\x00b' holds a NUL byte; use unix:///absolute/path.sock"),
        ("unix://relative.sock", '"unix://relative.sock" has no absolute path; use unix:///absolute/path.sock'),
        ("", '"" has no absolute path; use unix:///absolute/path.sock'),
    ],
)
def test_other_addresses_are_refused(address: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        socket_path(address)

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "address", "target", "is_loopback"),
    [
        ("tcp://127.0.0.1:80", TcpAddress("127.0.0.1", 80), "127.0.0.1:80", True),
        ("tcp://127.8.9.10:0", TcpAddress("127.8.9.10", 0), "127.8.9.10:0", True),
        ("tcp://[::1]:65535", TcpAddress("::1", 65535), "[::1]:65535", True),
        ("tcp://0.0.0.0:80", TcpAddress("0.0.0.0", 80), "0.0.0.0:80", False),
        ("tcp://192.0.2.1:80", TcpAddress("192.0.2.1", 80), "192.0.2.1:80", False),
        ("tcp://[::]:80", TcpAddress("::", 80), "[::]:80", False),
        ("tcp://[::ffff:127.0.0.1]:80", TcpAddress("::ffff:7f00:1", 80), "[::ffff:7f00:1]:80", False),
    ],
)
def test_tcp_addresses(text: str, address: TcpAddress, target: str, is_loopback: bool) -> None:
    parsed = parse_address(text)

    assert parsed == address
    assert (parsed.target, address.is_loopback) == (target, is_loopback)
    assert parse_address(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("tcp://127.0.0.1", '"tcp://127.0.0.1" has no port from 0 to 65535; use tcp://127.0.0.1:PORT'),
        ("tcp://127.0.0.1:", '"tcp://127.0.0.1:" has no port from 0 to 65535; use tcp://127.0.0.1:PORT'),
        ("tcp://127.0.0.1:-1", '"tcp://127.0.0.1:-1" has no port from 0 to 65535; use tcp://127.0.0.1:PORT'),
        ("tcp://127.0.0.1:٣", '"tcp://127.0.0.1:٣" has no port from 0 to 65535; use tcp://127.0.0.1:PORT'),
        ("tcp://127.0.0.1:65536", '"tcp://127.0.0.1:65536" has no port from 0 to 65535; use tcp://127.0.0.1:PORT'),
        ("tcp://:80", '"tcp://:80" has no IP address; use tcp://127.0.0.1:PORT'),
        ("tcp://localhost:80", '"tcp://localhost:80" has no IP address; use tcp://127.0.0.1:PORT'),
        ("tcp://127.1:80", '"tcp://127.1:80" has no IP address; use tcp://127.0.0.1:PORT'),
    ],
)
def test_tcp_addresses_that_are_refused(address: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_address(address)

    assert str(caught.value) == text


def test_a_unix_address_in_both_spellings() -> None:
    address = parse_address("/run/k.sock")

    assert address == UnixAddress(Path("/run/k.sock"))
    assert (str(address), address.target) == ("unix:///run/k.sock", "unix:/run/k.sock")


def test_a_path_of_107_bytes_is_the_longest() -> None:
    path = "/" + "a" * 106
    assert socket_path(path) == Path(path)
    with pytest.raises(InputError, match="the socket path has 108 bytes, the kernel takes 107; use a shorter one"):
        socket_path(path + "b")
    with pytest.raises(InputError, match="109 bytes"):
        socket_path("/" + "ü" * 54)


def listen(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "k.sock"
    with ListeningPath(path), listen(path):
        assert stat.S_ISSOCK(path.stat().st_mode)

    assert list(tmp_path.iterdir()) == []


def test_a_path_in_use_is_refused_and_stays_in_use(tmp_path: Path) -> None:
    path = tmp_path / "k.sock"
    with listen(path), pytest.raises(InputError, match="the socket is already in use"), ListeningPath(path):
        pass

    assert [entry.name for entry in tmp_path.iterdir()] == ["k.sock"]


def test_two_servers_do_not_share_a_path(tmp_path: Path) -> None:
    path = tmp_path / "k.sock"
    with ListeningPath(path):
        with pytest.raises(InputError, match="the socket is already in use"), ListeningPath(path):
            pass
        assert (tmp_path / "k.sock.lock").exists()

    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_dead_server_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "k.sock"
    listen(path).close()
    assert path.exists()
    with ListeningPath(path):
        assert not path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists and is not a socket; name another path"), ListeningPath(path):
        pass

    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "k.sock"
    with pytest.raises(InputError, match="cannot listen there: No such file or directory"), ListeningPath(path):
        pass
