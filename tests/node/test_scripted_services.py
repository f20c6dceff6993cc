"""The image flaky-web in a pod of a node: services that fail by the clock, on virtual time."""

from __future__ import annotations

import pytest

from kubesim.node.node import Node

KEY = "default/flaky"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "flaky", "namespace": "default"},
    "spec": {"containers": [{"name": "web", "image": "registry.example/flaky-web:v1"}]},
}


@pytest.fixture
def node() -> Node:
    """A node on which the pod has run for a bit more than 8 s."""
    node = Node(seed=1)
    node.apply(POD)
    for _ in range(100):
        node.advance("100ms")
        if node.pod(KEY)["status"].get("phase") == "Running":
            break
    node.advance("8s")
    return node


def ask(node: Node, script: str) -> str:
    """What a shell in the container says, its errors and exit code too."""
    answer = node.exec(KEY, ["sh", "-c", f"{script} 2>&1"])
    return f"{answer.stdout.decode().strip()} {answer.exit_code}"


def get(node: Node, path: str) -> str:
    return ask(node, f"wget -qO- -T 5 http://127.0.0.1:8080{path}")


def test_a_day_of_flapping(node: Node) -> None:
    seen = []
    for _ in range(8):
        seen.append(get(node, "/healthz"))
        node.advance("15s")
    ill = "wget: server returned error: HTTP/1.1 503 Service Unavailable 1"
    assert seen == ["ok 0", "ok 0", ill, ill] * 2


def test_what_else_goes_wrong(node: Node) -> None:
    warming = "wget: server returned error: HTTP/1.1 503 Service Unavailable 1"
    assert [get(node, "/readyz") for _ in range(4)] == [*[warming] * 3, "ok 0"]
    assert get(node, "/") == "<h1>flaky-web</h1> 0"
    assert get(node, "/old") == "ok 0"
    assert get(node, "/slow") == "at last 0"
    assert get(node, "/stuck") == "wget: download timed out 1"
    assert get(node, "/broken") == "wget: error getting response: Connection reset by peer 1"
    assert get(node, "/nowhere") == "wget: server returned error: HTTP/1.1 404 Not Found 1"


def test_a_port_with_opening_hours(node: Node) -> None:
    seen = []
    for _ in range(7):
        seen.append(ask(node, "echo hi | nc 127.0.0.1 9000"))
        node.advance("10s")
    refused = "nc: can't connect to remote host (127.0.0.1): Connection refused 1"
    assert seen == [*["hi 0"] * 5, refused, "hi 0"]


def test_two_runs_are_the_same() -> None:
    def run() -> list[str]:
        node = Node(seed=1)
        node.apply(POD)
        node.advance("10s")
        answers = []
        for _ in range(4):
            answers.append(get(node, "/healthz"))
            node.advance("13s")
        return [*answers, str(node.pod(KEY))]

    assert run() == run()
