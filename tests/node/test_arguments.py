"""The door of `kubesim.Node` and `kubesim.feature_gates`: a wrong argument is named, and nothing else happens."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.node.node import Node
from kubesim.policy.feature_gates import feature_gates

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "ctr", "image": "busybox", "command": ["sleep", "1h"]}]},
}
KEY = "default/web"


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as one:
        one.apply(POD)
        one.advance("5s")
        yield one


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"os": 5}, 'Node(os): 5 is of type int; give text, such as "linux"'),
        ({"kubelet_version": 1.36}, 'Node(kubelet_version): 1.36 is of type float; give text, such as "1.36"'),
        ({"profile": None}, 'Node(profile): None is of type NoneType; give text, such as "containerd-2.3"'),
        ({"config": 5}, "Node(config): 5 is of type int; give a KubeletConfiguration: a path, YAML text or a dict"),
        ({"images": "a.yaml"}, "Node(images): 'a.yaml' is not a list; give a list: [\"a.yaml\"]"),
        ({"images": Path("a.yaml")}, "Node(images): 'a.yaml' is not a list; give a list: [\"a.yaml\"]"),
        ({"images": [1]}, 'Node(images)[0]: 1 is of type int; give a list of paths, such as ["images.yaml"]'),
        ({"images": None}, "Node(images): None is of type NoneType; give a list of paths"),
        ({"images": b"a"}, "Node(images): b'a' is of type bytes; give a list of paths"),
        ({"seed": "x"}, "Node(seed): 'x' is of type str; give a whole number"),
        ({"seed": True}, "Node(seed): True is of type bool; give a whole number"),
        ({"node_name": 5}, "Node(node_name): 5 is of type int"),
        ({"node_name": "Ü b"}, 'Node(node_name): Invalid value: "Ü b": a lowercase RFC 1123 subdomain must consist of'),
        ({"node_name": "n" * 254}, "must be no more than 253 characters"),
        (
            {"os": "windows", "profile": "cri-o-1.36"},
            "Node(os): cri-o has no build for windows; cri-o-1.36 is built for linux; choose another profile",
        ),
    ],
)
def test_wrong_arguments_of_a_node_are_named(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Node(**arguments)

    assert text in str(caught.value)


@pytest.mark.parametrize("arguments", [{"images": ()}, {"node_name": "node-1.example.org"}, {"os": "windows"}])
def test_what_looks_like_a_mistake_but_is_none(arguments: dict[str, Any]) -> None:
    with Node(**arguments) as node:
        node.advance("0s")
        assert node.status()["metadata"]["name"] == arguments.get("node_name", "node-1")


BAD_CALLS: list[tuple[Callable[[Any], object], str]] = [
    (lambda node: node.advance(5), 'advance(duration): 5 is of type int; give text with a unit, such as "30s"'),
    (lambda node: node.advance("5"), 'advance(duration): time: missing unit in duration "5"'),
    (lambda node: node.advance(""), 'advance(duration): time: invalid duration ""'),
    (lambda node: node.advance("-1s"), "advance(duration): -1s is negative; time only goes forward"),
    (lambda node: node.advance(until=True), "advance(until): True cannot be called"),
    (lambda node: node.advance(until=lambda: True, at_most=5), "advance(at_most): 5 is of type int"),
    (lambda node: node.advance("", until=lambda: False), 'advance(duration): time: invalid duration ""'),
    (lambda node: node.apply(None), "apply(source): None is of type NoneType; give manifests of pods: a path"),
    (lambda node: node.apply(["pod.yaml"]), "apply(source): ['pod.yaml'] is of type list"),
    (
        lambda node: node.delete(KEY, grace_seconds=-1),
        "delete(grace_seconds): -1 is negative; give 0 to delete at once",
    ),
    (lambda node: node.delete(KEY, grace_seconds="1"), "delete(grace_seconds): '1' is of type str"),
    (lambda node: node.delete(None), 'delete(key): None is of type NoneType; give text, such as "default/web"'),
    (lambda node: node.resize(5, {}), "resize(key): 5 is of type int"),
    (lambda node: node.resize(KEY, [1]), "resize(patch): [1] is of type list; give a patch as a dict"),
    (lambda node: node.pod(5), "pod(key): 5 is of type int"),
    (lambda node: node.versions(["a"]), "versions(key): ['a'] is of type list"),
    (lambda node: node.event_writes(["a"]), "event_writes(key): ['a'] is of type list"),
    (lambda node: node.exec(5, ["id"]), "exec(key): 5 is of type int"),
    (lambda node: node.exit_container(5, 1), "exit_container(key): 5 is of type int"),
    (lambda node: node.add_ephemeral_container(5, {}), "add_ephemeral_container(key): 5 is of type int"),
    (lambda node: node.add_ephemeral_container(KEY, {1: 2}), "ephemeral container: unknown field 1"),
    (lambda node: node.set_condition(5, "a/b", "True"), "set_condition(key): 5 is of type int"),
    (lambda node: node.set_condition(KEY, "a/b", "True", reason=5), "set_condition(reason): 5 is of type int"),
    (lambda node: node.set_condition(KEY, "a/b", "True", message=None), "set_condition(message): None is of type"),
    (lambda node: node.write_file("/etc/motd", 5), "write_file(content): 5 is of type int; give text or bytes"),
    (lambda node: node.write_file("/var", "x"), "/var: Is a directory; name a file"),
    (lambda node: node.remove_file("/var"), "/var: a folder that is not empty is not removed; name the files in it"),
    (lambda node: node.exec(KEY, "id -u"), 'exec(command): \'id -u\' is not a list; give a list: ["id", "-u"]'),
    (lambda node: node.exec(KEY, ["id", 5]), "exec(command)[1]: 5 is of type int; give a list, such as"),
    (lambda node: node.exec(KEY, None), "exec(command): None is of type NoneType"),
    (lambda node: node.exec(KEY, ["id"], at_most="x"), 'exec(at_most): time: invalid duration "x"'),
    (lambda node: node.exit_container(KEY, "1"), "exit_container(exit_code): '1' is of type str"),
    (lambda node: node.restart_kubelet(down_for="-1s"), "restart_kubelet(down_for): -1s is negative"),
    (lambda node: node.restart_runtime(down_for=1), "restart_runtime(down_for): 1 is of type int"),
]


@pytest.mark.parametrize(("call", "text"), BAD_CALLS, ids=[text for _, text in BAD_CALLS])
def test_wrong_arguments_of_a_call_are_named_and_nothing_happens(
    call: Callable[[Any], object], text: str, node: Node
) -> None:
    before = (node.now_ns, node.pods(), len(node.journal))
    with pytest.raises(InputError) as caught:
        call(node)

    assert text in str(caught.value)
    assert (node.now_ns, node.pods(), len(node.journal)) == before


@pytest.mark.parametrize("version", [1.33, None, 133])
def test_feature_gates_take_text(version: Any) -> None:
    with pytest.raises(InputError, match=r'^feature_gates\(version\): .* is of type \w+; give text, such as "1\.36"$'):
        feature_gates(version)


def test_a_manifest_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubesim.node.sources.TEXT_BYTES_MAX", 1000)

    with Node() as node, pytest.raises(InputError, match=r"^/dev/zero: more than 1000 bytes; name a file"):
        node.apply("/dev/zero")
