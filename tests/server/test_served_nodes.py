"""`--node NAME=ADDRESS` pairs: each a name and a place of its own, or one line that says what is wrong."""

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.server.address import TcpAddress, UnixAddress
from kubesim.server.served_nodes import named_nodes, only_node


def refusal(*pairs: str, allow_remote: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        named_nodes(pairs, allow_remote=allow_remote)
    return str(caught.value)


def test_pairs_become_nodes(tmp_path: Path) -> None:
    pairs = [f"a=unix://{tmp_path}/a.sock", f"b.example={tmp_path}/x=y.sock", "c=tcp://127.0.0.1:0", "d=tcp://[::1]:0"]
    nodes = named_nodes(pairs, allow_remote=False)

    assert [(node.name, node.address) for node in nodes] == [
        ("a", UnixAddress(tmp_path / "a.sock")),
        ("b.example", UnixAddress(tmp_path / "x=y.sock")),
        ("c", TcpAddress("127.0.0.1", 0)),
        ("d", TcpAddress("::1", 0)),
    ]
    assert [node.hostname for node in nodes] == ["a", "b.example", "c", "d"]
    assert [node.default_image_fs_path for node in nodes[1:3]] == [str(tmp_path), str(Path.cwd())]


def test_the_only_node_needs_no_name(tmp_path: Path) -> None:
    node = only_node(f"unix://{tmp_path}/k.sock", allow_remote=False)

    assert (node.name, node.hostname) == ("", "node")


def test_pairs_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    a = f"a=unix://{tmp_path}/k.sock"
    taken = "have one address, unix://{}; give each its own"

    assert refusal(f"unix://{tmp_path}/k.sock") == (
        f'--node: "unix://{tmp_path}/k.sock" is no pair; use NAME=unix:///absolute/path.sock'
    )
    assert refusal("a=") == '--node: "" has no absolute path; use unix:///absolute/path.sock'
    assert refusal("=/k.sock").startswith('--node: Invalid value: "": a lowercase RFC 1123 subdomain must')
    assert refusal("Node_1=/k.sock").startswith('--node: Invalid value: "Node_1": a lowercase RFC 1123 subdomain must')
    assert refusal(a, f"a=unix://{tmp_path}/l.sock") == '--node: two nodes have the name "a"; give each its own'
    assert refusal(a, f"b={tmp_path}/k.sock") == f"--node: the nodes a and b {taken}".format(f"{tmp_path}/k.sock")
    assert refusal(a, f"b={tmp_path}/link/k.sock").endswith(taken.format(f"{tmp_path}/link/k.sock"))
    assert refusal("a=tcp://127.0.0.1:80", "b=tcp://127.0.0.1:80") == (
        "--node: the nodes a and b have one address, tcp://127.0.0.1:80; give each its own"
    )
    assert refusal(f"a={tmp_path}/none/k.sock") == (
        f"--node: the socket's folder {tmp_path}/none does not exist; name a socket in an existing directory"
    )
    assert refusal(f"a={tmp_path}/file/k.sock") == (
        f"--node: the socket's folder {tmp_path}/file is not a directory; name a socket in an existing directory"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "[::]", "[2001:db8::1]"])
def test_other_machines_are_let_in_on_request_only(host: str) -> None:
    address = f"tcp://{host}:80"

    assert refusal(f"a={address}") == (
        f"--node: {address} can be reached from other machines, and whoever reaches it rules the node; "
        "use tcp://127.0.0.1:PORT, or add --allow-remote"
    )
    with pytest.raises(InputError, match=r"--socket: tcp://.* can be reached from other machines"):
        only_node(address, allow_remote=False)
    assert str(only_node(address, allow_remote=True).address) == address
