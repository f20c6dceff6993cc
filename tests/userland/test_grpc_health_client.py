"""The client's side of a health check, against the server's side of this world and against bytes of our own."""

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from kubesim.userland.network.grpc_connection import Call, GrpcCode, GrpcConnection
from kubesim.userland.network.grpc_health_client import HealthCall, NotHttp2

METHODS = {"grpc.health.v1.Health": ["Check"]}


def settled() -> tuple[HealthCall, GrpcConnection]:
    """Both ends, after their settings."""
    client, server = HealthCall("10.88.0.2:80", agent="kube-probe/1.36"), GrpcConnection(METHODS)
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    assert client.is_ready
    return client, server


@pytest.mark.parametrize("service", ["", "worker", "w" * 200])
@pytest.mark.parametrize(
    ("message", "status"), [(b"\x08\x01", "SERVING"), (b"\x08\x02", "NOT_SERVING"), (b"", "UNKNOWN")]
)
def test_a_status(service: str, message: bytes, status: str) -> None:
    client, server = settled()
    client.ask(service)
    (call,) = server.receive(client.data_to_send())
    assert isinstance(call, Call)
    assert call.message.endswith(service.encode())
    server.send_message(call.number, message)
    server.finish(call.number, GrpcCode.OK)
    client.receive(server.data_to_send())
    assert (client.is_over, client.code, client.code_name, client.status) == (True, 0, "OK", status)


def test_a_status_without_a_name_is_a_number() -> None:
    client, server = settled()
    client.ask("")
    (call,) = server.receive(client.data_to_send())
    server.send_message(call.number, b"\x08\xac\x02")
    server.finish(call.number, GrpcCode.OK)
    client.receive(server.data_to_send())
    assert client.status == "300"


def test_a_refusal_has_its_words() -> None:
    client, server = settled()
    client.ask("x")
    (call,) = server.receive(client.data_to_send())
    server.finish(call.number, GrpcCode.NOT_FOUND, "no 100 % service")
    client.receive(server.data_to_send())
    assert (client.code, client.code_name, client.message) == (5, "NotFound", "no 100 % service")


def test_a_server_without_the_service() -> None:
    client = HealthCall("a", agent="b")
    server = GrpcConnection({})
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    client.ask("x")
    server.receive(client.data_to_send())
    client.receive(server.data_to_send())
    assert (client.code_name, client.message) == ("Unimplemented", "unknown service grpc.health.v1.Health")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([(":status", "200")], "server closed the stream without sending trailers"),
        ([(":status", "404")], "unexpected HTTP status code received from server: 404"),
        ([(":status", "200"), ("grpc-status", "x")], ""),
        ([(":status", "200"), ("grpc-status", "99")], ""),
    ],
)
def test_an_answer_that_is_none_of_grpc(headers: list[tuple[str, str]], words: str) -> None:
    client = HealthCall("a", agent="b")
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    client.receive(server.data_to_send())
    client.ask("")
    server.receive_data(client.data_to_send())
    server.send_headers(1, headers, end_stream=True)
    client.receive(server.data_to_send())
    assert client.is_over
    assert client.message == words
    assert client.code_name in ("Internal", "Unknown", "Code(99)")


@pytest.mark.parametrize(
    ("says_goodbye", "words"), [(False, "stream terminated by RST_STREAM"), (True, "the connection is draining")]
)
def test_a_call_that_is_cut_off(says_goodbye: bool, words: str) -> None:
    client = HealthCall("a", agent="b")
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    client.receive(server.data_to_send())
    client.ask("")
    server.receive_data(client.data_to_send())
    if says_goodbye:
        server.close_connection()
    else:
        server.reset_stream(1, error_code=8)
    client.receive(server.data_to_send())
    assert client.message.startswith(words)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_no_http2(data: bytes) -> None:
    with pytest.raises(NotHttp2):
        HealthCall("a", agent="b").receive(data)


def test_nonsense_after_the_settings_ends_the_call() -> None:
    client, _ = settled()
    client.ask("")
    client.receive(b"\xff" * 64)
    assert client.code_name == "Unavailable"
    assert client.message.startswith("connection error: ")
