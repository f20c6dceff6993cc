"""What our client says of a runtime that goes away, in the words of the kubelet's."""

from __future__ import annotations

from concurrent import futures
from pathlib import Path

import grpc
import pytest

from kubesim.cri import Code, CriError, api
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel, sleep
from kubesim.server.client_errors import go_client_text
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket

TRIED = "failed to connect to all addresses; last error: "
UNIX = "unix:/run/s.sock"


@pytest.mark.parametrize(
    ("details", "target", "text"),
    [
        (
            f"{TRIED}UNKNOWN: unix:/run/s.sock: Connection refused",
            UNIX,
            "dial unix /run/s.sock: connect: connection refused",
        ),
        (
            f"{TRIED}FAILED_PRECONDITION: {UNIX}: connect failed: addr: {UNIX} error: No such file or directory",
            UNIX,
            "dial unix /run/s.sock: connect: no such file or directory",
        ),
        (
            f"{TRIED}UNKNOWN: ipv4:127.0.0.1:1: Connection refused",
            "127.0.0.1:1",
            "dial tcp 127.0.0.1:1: connect: connection refused",
        ),
    ],
)
def test_a_server_that_cannot_be_reached(details: str, target: str, text: str) -> None:
    assert go_client_text(details, target) == f'connection error: desc = "transport: Error while dialing: {text}"'


@pytest.mark.parametrize("details", ["Socket closed", "Stream removed (recvmsg:Connection reset by peer (104))"])
def test_a_connection_that_is_lost(details: str) -> None:
    assert go_client_text(details, UNIX) == "error reading from server: EOF"


@pytest.mark.parametrize("details", ["", "server is not initialized yet: unavailable", f"{TRIED}something new"])
def test_the_words_of_others_stay(details: str) -> None:
    assert go_client_text(details, UNIX) == details


class Versions(grpc.GenericRpcHandler):
    """A runtime of one method."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        answer = api.VersionResponse(runtime_name="threads").SerializeToString()
        return grpc.unary_unary_rpc_method_handler(lambda request, context: answer)


def test_a_runtime_that_goes_away_is_told_of_as_a_kubelet_tells(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Versions()])
    server.add_insecure_port(f"unix:{path}")
    server.start()

    async def main(kernel: Kernel, cri: GrpcCri) -> CriError:
        client = CriClient(cri)
        await client.version(api.VersionRequest())
        server.stop(None).wait()
        path.unlink(missing_ok=True)
        found: list[CriError] = []
        while not found or "Error while dialing" not in found[-1].message:
            with pytest.raises(CriError) as refused:
                await client.version(api.VersionRequest())
            found.append(refused.value)
            await sleep(50_000_000)
        return found[-1]

    error = run_over_socket(f"unix://{path}", main)
    assert error.code is Code.UNAVAILABLE
    dialed = f"dial unix {path}: connect: no such file or directory"
    assert error.message == f'connection error: desc = "transport: Error while dialing: {dialed}"'
