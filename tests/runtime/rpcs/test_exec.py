"""Exec: what is checked, and the URL."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.pending_streams import PENDING_MAX

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
SERVER = "http://127.0.0.1:40000"


def asking(node: Any, ctr: str, **fields: Any) -> Any:
    streams = {"stdout": True} if not {"stdin", "stdout", "stderr"} & set(fields) else {}
    return node.cri.exec(api.ExecRequest(container_id=ctr, cmd=["sh"], **streams, **fields))


def running(node: Any) -> str:
    return str(node.start(node.run_pod(), "sleep", "1000"))


@pytest.mark.parametrize(
    ("profile", "ctr", "code", "message"),
    [
        (CONTAINERD, "nope", Code.NOT_FOUND, 'failed to find container "nope" in store: not found'),
        (CONTAINERD, "", Code.UNKNOWN, 'failed to find container "" in store: prefix can\'t be empty'),
        (
            CRIO,
            "nope",
            Code.UNKNOWN,
            'could not find container "nope": container with ID starting with nope not found: ID does not exist',
        ),
        (CRIO, "", Code.UNKNOWN, 'could not find container "": container ID should not be empty'),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, ctr: str, code: Code, message: str) -> None:
    error = new_node(profile).refused(asking(new_node(profile), ctr))
    assert (error.code, error.message) == (code, message)


def test_only_containerd_looks_at_the_state(node: Any, crio: Any) -> None:
    pod = node.run_pod()
    created = node.create(pod, node.container_config("true"))
    error = node.refused(asking(node, created))
    assert (error.code, error.message) == (Code.UNKNOWN, "container is in CONTAINER_CREATED state")
    exited = node.start(pod, "true", name="exited")
    node.advance(1)
    assert node.refused(asking(node, exited)).message == "container is in CONTAINER_EXITED state"
    crio.runtime._daemon.streaming_url = SERVER
    created = crio.create(crio.run_pod(), crio.container_config("true"))
    assert crio.do(asking(crio, created)).url.startswith(SERVER)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stdout": False}, "one of stdin, stdout, or stderr must be set"),
        ({"tty": True, "stdout": True, "stderr": True}, "tty and stderr cannot both be true"),
    ],
)
def test_streams_that_make_no_sense(node: Any, crio: Any, fields: dict[str, Any], message: str) -> None:
    error = node.refused(asking(node, running(node), **fields))
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, message)
    error = crio.refused(asking(crio, running(crio), **fields))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == f"unable to prepare exec endpoint: rpc error: code = InvalidArgument desc = {message}"


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_without_a_streaming_server_there_is_no_url(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    error = node.refused(asking(node, running(node)))
    assert (error.code, error.message) == (
        Code.UNIMPLEMENTED,
        "kubesim serves no streams here: there is no URL for exec",
    )


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_the_url_stands_for_the_request_once(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    node.runtime._daemon.streaming_url = SERVER
    ctr = running(node)
    urls = [node.do(asking(node, ctr[:9], tty=True)).url for _ in range(2)]
    assert len(set(urls)) == 2
    for url in urls:
        assert re.fullmatch(rf"{SERVER}/exec/[A-Za-z0-9_-]{{8}}", url)
        token = url.rpartition("/")[2]
        request = node.runtime._daemon.pending_streams.take(token)
        assert (request.container_id, request.cmd, request.tty) == (ctr[:9], ["sh"], True)
        assert node.runtime._daemon.pending_streams.take(token) is None


@pytest.mark.parametrize(
    ("profile", "prefix"),
    [(CONTAINERD, ""), (CRIO, "unable to prepare exec endpoint: rpc error: code = ResourceExhausted desc = ")],
)
def test_a_thousand_may_wait_for_a_minute(new_node: Any, profile: str, prefix: str) -> None:
    node = new_node(profile)
    node.runtime._daemon.streaming_url = SERVER
    ctr = running(node)
    for _ in range(PENDING_MAX):
        first = node.do(asking(node, ctr))
    error = node.refused(asking(node, ctr))
    assert (error.code, error.message) == (
        Code.RESOURCE_EXHAUSTED,
        prefix + "maximum number of in-flight requests exceeded",
    )
    node.advance(60)
    assert node.refused(asking(node, ctr)).code is Code.RESOURCE_EXHAUSTED
    node.advance(0.001)
    assert node.do(asking(node, ctr)).url
    assert node.runtime._daemon.pending_streams.take(first.url.rpartition("/")[2]) is None
