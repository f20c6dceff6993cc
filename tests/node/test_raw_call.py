"""CRI calls that a user sends past the kubelet, as crictl does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import kubesim
from kubesim.cri.errors import CriError
from kubesim.errors import InputError

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


@pytest.fixture(scope="module")
def node() -> Iterator[kubesim.Node]:
    with kubesim.Node() as one:
        yield one


def test_the_answer_has_the_names_of_the_proto(node: kubesim.Node) -> None:
    answer = node.call("Version", {"version": "0.1.0"})

    assert answer["runtime_name"] == "containerd"
    assert answer["runtime_api_version"] == "v1"


def test_a_call_takes_the_time_it_takes_and_no_journal_has_it(node: kubesim.Node) -> None:
    before_ns, calls = node.now_ns, len(node.journal)
    pulled = node.call("PullImage", {"image": {"image": BUSYBOX}})

    assert pulled["image_ref"].startswith("sha256:")
    assert node.now_ns > before_ns
    assert not any(entry.method == "PullImage" for entry in node.journal[calls:])


def test_a_refusal_is_the_runtimes_own(node: kubesim.Node) -> None:
    with pytest.raises(CriError) as caught:
        node.call("ContainerStatus", {"container_id": "nothing"})

    assert caught.value.code.go_name == "NotFound"


@pytest.mark.parametrize(
    ("method", "request_fields", "text"),
    [
        (
            "Vesion",
            {},
            "call: there is no CRI method 'Vesion', did you mean 'Version'?; name an RPC of the CRI, such as",
        ),
        ("GetContainerEvents", {}, "call: GetContainerEvents answers with a stream; send a call that has one answer"),
        ("Version", {"vesion": "1"}, "call: no VersionRequest: "),
        ("Version", {"version": 1}, "call: no VersionRequest: "),
    ],
)
def test_what_is_no_call_is_bad_input(
    method: str, request_fields: dict[str, Any], text: str, node: kubesim.Node
) -> None:
    with pytest.raises(InputError) as caught:
        node.call(method, request_fields)

    assert str(caught.value).startswith(text)


def test_a_closed_node_takes_no_calls() -> None:
    with kubesim.Node() as closed:
        pass

    with pytest.raises(InputError, match="this node is closed"):
        closed.call("Version")
