"""Attach: what is checked, and the URL."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.pending_streams import PENDING_MAX

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
SERVER = "http://127.0.0.1:40000"


def asking(node: Any, ctr: str, **fields: Any) -> Any:
    return node.cri.attach(api.AttachRequest(container_id=ctr, **(fields or {"stdout": True})))


def running(node: Any) -> str:
    return str(node.start(node.run_pod(), "sleep", "1000"))


@pytest.mark.parametrize(
    ("profile", "ctr", "code", "message"),
    [
        (CONTAINERD, "nope", Code.NOT_FOUND, "failed to find container in store: not found"),
        (CONTAINERD, "", Code.UNKNOWN, "failed to find container in store: prefix can't be empty"),
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
    node = new_node(profile)
    error = node.refused(asking(node, ctr))
    assert (error.code, error.message) == (code, message)


def test_only_containerd_looks_at_the_state(node: Any, crio: Any) -> None:
    created = node.create(node.run_pod(), node.container_config("true"))
    error = node.refused(asking(node, created))
    assert (error.code, error.message) == (Code.UNKNOWN, "container is in CONTAINER_CREATED state")
    crio.runtime._daemon.streaming_url = SERVER
    created = crio.create(crio.run_pod(), crio.container_config("true"))
    assert crio.do(asking(crio, created)).url.startswith(SERVER)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tty": True}, "one of stdin, stdout, and stderr must be set"),
        ({"tty": True, "stdin": True, "stderr": True}, "tty and stderr cannot both be true"),
    ],
)
def test_streams_that_make_no_sense(node: Any, crio: Any, fields: dict[str, Any], message: str) -> None:
    error = node.refused(asking(node, running(node), **fields))
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, message)
    error = crio.refused(asking(crio, running(crio), **fields))
    assert (error.code, error.message) == (Code.UNKNOWN, "unable to prepare attach endpoint")


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_the_url(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    ctr = running(node)
    assert node.refused(asking(node, ctr)).code is Code.UNIMPLEMENTED
    node.runtime._daemon.streaming_url = SERVER
    url = node.do(asking(node, ctr, stdin=True, stdout=True)).url
    assert re.fullmatch(rf"{SERVER}/attach/[A-Za-z0-9_-]{{8}}", url)
    request = node.runtime._daemon.pending_streams.take(url.rpartition("/")[2])
    assert (request.stdin, request.stdout, request.stderr) == (True, True, False)


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (CONTAINERD, Code.RESOURCE_EXHAUSTED, "maximum number of in-flight requests exceeded"),
        (CRIO, Code.UNKNOWN, "unable to prepare attach endpoint"),
    ],
)
def test_too_many(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    node.runtime._daemon.streaming_url = SERVER
    ctr = running(node)
    for _ in range(PENDING_MAX):
        node.do(asking(node, ctr))
    error = node.refused(asking(node, ctr))
    assert (error.code, error.message) == (code, message)
