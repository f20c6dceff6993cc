"""One HTTP request as a program of the emulated world sends it, and the body of the answer."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.http_message import BadMessage, parse_response, response_body
from kubesim.userland.network.http_server import MessageReader, send
from kubesim.userland.network.sockets import connect
from kubesim.userland.processes.process_life import Process


async def get(process: Process, address: SocketAddress, target: str, *, agent: str = "Go-http-client/1.1") -> bytes:
    """The body that GET gives, whatever the status. Raises FsError; EPROTO for an answer that is none."""
    stream = await connect(process, address)
    try:
        head = f"GET {target} HTTP/1.1\r\nHost: {address.text()}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"
        await send(stream, head.encode(errors="surrogateescape"))
        reader = MessageReader(stream)
        raw = await reader.head()
        if raw is None:
            raise FsError("ECONNRESET")
        body = response_body(parse_response(raw), method="GET")
        content = bytearray()
        while part := await reader.part(body):
            content += part
        return bytes(content)
    except BadMessage:
        raise FsError("EPROTO") from None
    finally:
        stream.release()
