"""PortForward: what is checked, and the URL."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.pending_streams import PENDING_MAX

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
SERVER = "http://127.0.0.1:40000"


def asking(node: Any, pod: str) -> Any:
    return node.cri.port_forward(api.PortForwardRequest(pod_sandbox_id=pod, port=[80]))


@pytest.mark.parametrize(
    ("profile", "pod", "code", "message"),
    [
        (CONTAINERD, "nope", Code.NOT_FOUND, 'failed to find sandbox "nope": not found'),
        (CONTAINERD, "", Code.UNKNOWN, 'failed to find sandbox "": prefix can\'t be empty'),
        (CRIO, "", Code.UNKNOWN, "unable to prepare portforward endpoint"),
    ],
)
def test_what_is_refused(new_node: Any, profile: str, pod: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asking(node, pod))
    assert (error.code, error.message) == (code, message)


def test_containerd_wants_a_ready_sandbox(node: Any) -> None:
    pod = node.run_pod()
    node.stop_pod(pod)
    error = node.refused(asking(node, pod))
    assert (error.code, error.message) == (Code.UNKNOWN, "sandbox container is not running")


def test_crio_gives_a_url_for_anything(crio: Any) -> None:
    crio.runtime._daemon.streaming_url = SERVER
    assert crio.do(asking(crio, "nope")).url.startswith(f"{SERVER}/portforward/")


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_the_url(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    assert node.refused(asking(node, pod)).code is Code.UNIMPLEMENTED
    node.runtime._daemon.streaming_url = SERVER
    url = node.do(asking(node, pod)).url
    assert re.fullmatch(rf"{SERVER}/portforward/[A-Za-z0-9_-]{{8}}", url)
    assert node.runtime._daemon.pending_streams.take(url.rpartition("/")[2]).port == [80]


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (CONTAINERD, Code.RESOURCE_EXHAUSTED, "maximum number of in-flight requests exceeded"),
        (CRIO, Code.UNKNOWN, "unable to prepare portforward endpoint"),
    ],
)
def test_too_many(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    node.runtime._daemon.streaming_url = SERVER
    pod = node.run_pod()
    for _ in range(PENDING_MAX):
        node.do(asking(node, pod))
    error = node.refused(asking(node, pod))
    assert (error.code, error.message) == (code, message)
