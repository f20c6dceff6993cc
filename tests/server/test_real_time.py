"""Kernel coroutines in real time over a socket."""

from __future__ import annotations

import socket
import threading
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.errors import InputError
from kubesim.kernel import Kernel, sleep
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket


class VersionHandler(grpc.GenericRpcHandler):
    """A runtime of one method, on grpc's own threads."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        answer = api.VersionResponse(runtime_name="threads").SerializeToString()
        return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)


def test_the_coroutine_calls_and_sleeps(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 's.sock'}"
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[VersionHandler()])
    server.add_insecure_port(address)
    server.start()

    async def main(kernel: Kernel, cri: GrpcCri) -> tuple[str, bool]:
        before = kernel.now_ns
        answer = await CriClient(cri).version(api.VersionRequest())
        await sleep(1_000_000)
        return answer.runtime_name, kernel.now_ns >= before + 1_000_000

    assert run_over_socket(f"unix://{tmp_path / 's.sock'}", main) == ("threads", True)

    async def fail(kernel: Kernel, cri: GrpcCri) -> None:
        kernel.spawn(crash(), name="crash")
        await sleep(10**12)

    async def crash() -> None:
        raise ZeroDivisionError("bug")

    with pytest.raises(ZeroDivisionError):
        run_over_socket(f"unix://{tmp_path / 's.sock'}", fail)
    server.stop(None)
    assert threading.active_count() < 50


def test_a_socket_that_nobody_serves_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubesim.server.real_time.CONNECT_SECONDS", 0.05)
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as unserved:
        unserved.bind(str(path))

        async def main(kernel: Kernel, cri: GrpcCri) -> None:
            raise AssertionError("not reached")

        with pytest.raises(InputError, match=f"unix://{path}: no runtime answers there; start one with"):
            run_over_socket(f"unix://{path}", main)
