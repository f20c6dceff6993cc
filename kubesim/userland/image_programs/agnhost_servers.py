"""agnhost's small servers and its client: serve-hostname, liveness, test-webserver, porter, tcp-reset, connect.

Mirrors kubernetes: test/images/agnhost/{serve-hostname,liveness,test-webserver,porter,tcp-reset,connect}.
TLS and SCTP are not emulated.
"""

from __future__ import annotations

import json
from functools import partial
from urllib.parse import parse_qsl, unquote

from kubesim.errors import InputError
from kubesim.kernel import Event, TaskGroup, timeout
from kubesim.model.duration import format_duration, parse_duration
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.go_flags import FlagError, integer, parse_flags
from kubesim.userland.image_programs.go_http import go_error, go_log, go_refusal, go_response
from kubesim.userland.network.address import ANY_IPV6, SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.http_server import Request, Respond, Response, send, serve
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.network.sockets import bind_datagrams, connect, listen
from kubesim.userland.network.stream import Listener
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGTERM

_SECOND = 1_000_000_000
LIVE_SECONDS = 10
GRACE_SECONDS = 60

_CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}


async def read_flags(
    process: Process, defaults: dict[str, str], operands: list[str] | None = None
) -> dict[str, str] | None:
    """The subcommand's flags; None once it was said what is wrong with them.

    One whose default is true or false is a switch, one whose default is a number takes numbers.
    """
    switches = [name for name, value in defaults.items() if value in ("false", "true")]
    try:
        flags = defaults | parse_flags(process.argv[2:], list(defaults), switches=switches, operands=operands)
        for name, default in defaults.items():
            if default.lstrip("-").isdecimal():
                integer(name, flags[name])
    except FlagError as error:
        await process.write(2, f"Error: {error}\n".encode(errors="surrogateescape"))
        return None
    return flags


def listen_error(port: int, error: FsError) -> str:
    """What Go's net.Listen says of a port that cannot be had."""
    return f"listen tcp :{port}: bind: {error.strerror[:1].lower()}{error.strerror[1:]}"


async def serve_http(process: Process, port: int, respond: Respond) -> int:
    """Serve HTTP on every address until the process ends; a port that cannot be had ends it."""
    try:
        listener = listen(process, SocketAddress(ANY_IPV6, port))
    except FsError as error:
        await go_log(process, listen_error(port, error))
        return 1
    await serve(process, listener, respond, go_refusal)
    return 0


async def run_serve_hostname(process: Process) -> int:
    """Tell the hostname to whoever connects: over HTTP, or bare with --tcp and --udp."""
    flags = await read_flags(
        process, {"tcp": "false", "udp": "false", "http": "true", "close": "false", "port": "9376"}
    )
    if flags is None:
        return 1
    is_raw = "true" in (flags["tcp"], flags["udp"])
    if flags["http"] == "true" and is_raw:
        await go_log(process, "Can't server TCP/UDP mode and HTTP mode at the same time")
        return 1
    port = int(flags["port"])

    async def respond(request: Request) -> Response:
        await go_log(process, f"HTTP request from {request.peer.text()}")
        headers = (("Connection", "close"),) if flags["close"] == "true" else ()
        return go_response(process, process.hostname, headers=headers)

    is_over = Event()
    process.handlers[SIGTERM] = lambda _: is_over.set()
    everywhere = SocketAddress(ANY_IPV6, port)
    async with TaskGroup() as group:
        if flags["tcp"] == "true":
            group.spawn(_tell_streams(process, listen(process, everywhere)), name="serve-hostname tcp")
        if flags["udp"] == "true":
            answer = process.hostname.encode(errors="surrogateescape")
            group.spawn(
                _tell_datagrams(process, bind_datagrams(process, everywhere), answer), name="serve-hostname udp"
            )
        if flags["http"] == "true":
            group.spawn(serve_http(process, port, respond), name="serve-hostname http")
        await go_log(process, f"Serving on port {port}.")
        await is_over.wait()
        await go_log(process, "Shutting down after receiving signal: terminated.")
        await go_log(process, "Awaiting pod deletion.")
        await process.sleep(GRACE_SECONDS * _SECOND)
        group.cancel()
    return 0


async def _tell_streams(process: Process, listener: Listener) -> None:
    while True:
        stream = await listener.accept()
        assert stream.peer is not None, "a stream has a peer"
        await go_log(process, f"TCP request from {stream.peer.text()}")
        try:
            await send(stream, process.hostname.encode(errors="surrogateescape"))
        except FsError:
            continue  # as the original, which does not look whether it could write
        finally:
            stream.release()


async def _tell_datagrams(process: Process, socket: DatagramSocket, answer: bytes) -> None:
    while True:
        _, sender = await socket.receive()
        await go_log(process, f"UDP request from {sender.text()}")
        socket.send_to(answer, sender)


async def run_liveness(process: Process) -> int:
    """Healthy for ten seconds, and never again."""
    if await read_flags(process, {}) is None:
        return 1
    began_ns = process.kernel.now_ns

    async def respond(request: Request) -> Response:
        age_ns = process.kernel.now_ns - began_ns
        path = request.head.path
        if path == "/started":
            return go_response(process, format_duration(age_ns))
        if path == "/healthz":
            if age_ns > LIVE_SECONDS * _SECOND:
                return go_response(process, f"error: {age_ns / _SECOND:.9g}", status=500)
            return go_response(process, "ok")
        if path == "/redirect":
            location = unquote(dict(parse_qsl(request.head.query)).get("loc", ""))
            return go_response(process, "", status=302, headers=(("Location", location),))
        return go_error(process, "404 page not found", 404)

    return await serve_http(process, 8080, respond)


async def run_test_webserver(process: Process) -> int:
    """Serve the files of the container."""
    flags = await read_flags(process, {"port": "80"})
    return 1 if flags is None else await serve_http(process, int(flags["port"]), partial(_serve_file, process))


_OPEN_TO_ALL = (
    ("Access-Control-Allow-Credentials", "true"),
    (
        "Access-Control-Allow-Headers",
        "DNT,X-Mx-ReqToken,Keep-Alive,User-Agent,X-Requested-With,Cache-Control,Content-Type",
    ),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Origin", "*"),
    ("Cache-Control", "private"),
)


async def _serve_file(process: Process, request: Request) -> Response:
    """Mirrors Go: net/http/fs.go, serveFile."""
    path = unquote(request.head.path, errors="surrogateescape")
    if "/.." in path or "\0" in path:
        return go_error(process, "invalid URL path", 400)
    files = process.files
    try:
        if files.stat(path).kind is FileKind.DIRECTORY:
            if not path.endswith("/"):
                location = (("Location", f"{path.rpartition('/')[2]}/"),)
                return go_response(process, "", status=301, headers=(*_OPEN_TO_ALL, *location))
            if files.exists(f"{path}index.html"):
                path = f"{path}index.html"
            else:
                return _listing(process, path)
        data = files.read(path)
    except FsError as error:
        is_refused = error.errno_name == "EACCES"
        return go_error(process, "403 Forbidden" if is_refused else "404 page not found", 403 if is_refused else 404)
    kind = _CONTENT_TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")
    return go_response(process, data, content_type=kind, headers=(*_OPEN_TO_ALL, ("Accept-Ranges", "bytes")))


def _listing(process: Process, path: str) -> Response:
    """Mirrors Go: net/http/fs.go, dirList."""
    names = []
    for name in process.files.list_dir(path):
        try:
            is_directory = process.files.stat(f"{path}{name}").kind is FileKind.DIRECTORY
        except FsError:
            is_directory = False
        names.append(f"{name}/" if is_directory else name)
    rows = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
    head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n'
    return go_response(
        process, f"{head}<pre>\n{rows}</pre>\n", content_type="text/html; charset=utf-8", headers=_OPEN_TO_ALL
    )


async def run_porter(process: Process) -> int:
    """Answer on the ports that SERVE_PORT_N, SERVE_TCP_PORT_N and SERVE_UDP_PORT_N name, with their values."""
    flags = await read_flags(process, {"json-response": "false"})
    if flags is None:
        return 1
    async with TaskGroup() as group:
        for key, value in process.env.items():
            prefix, mark, port = key.rpartition("_PORT_")
            if not mark or prefix not in ("SERVE", "SERVE_TCP", "SERVE_UDP", "SERVE_TLS", "SERVE_SCTP"):
                continue
            if prefix in ("SERVE_TLS", "SERVE_SCTP"):
                await process.complain(f"{key}: {prefix.removeprefix('SERVE_')} is not emulated")
                return 1
            if not port.isdecimal():
                await go_log(process, f"server on port {json.dumps(port)} failed: listen tcp: unknown port")
            elif prefix == "SERVE_UDP":
                socket = bind_datagrams(process, SocketAddress(ANY_IPV6, int(port)))
                await go_log(process, f"Started UDP server on port {port}")
                group.spawn(_tell_datagrams(process, socket, value.encode(errors="surrogateescape")), name="porter udp")
            else:
                is_json = flags["json-response"] == "true"
                answer = partial(_porter_answer, process, value, is_json=is_json)
                group.spawn(serve_http(process, int(port), answer), name="porter")
        await Event().wait()
    return 0


async def _porter_answer(process: Process, value: str, request: Request, *, is_json: bool) -> Response:
    if not is_json:
        return go_response(process, value)
    text = json.dumps({"Method": request.head.method, "Body": value}, separators=(",", ":"))
    return go_response(process, text, content_type="application/json")


async def run_tcp_reset(process: Process) -> int:
    """Cut each connection once it has sent more than one byte, one connection after the other."""
    flags = await read_flags(process, {"port": "8080"})
    if flags is None:
        return 1
    port = int(flags["port"])
    try:
        listener = listen(process, SocketAddress(ANY_IPV6, port))
    except FsError as error:
        await go_log(process, f"Error from net.Listen(): {listen_error(port, error)}")
        return 1
    is_over = Event()
    process.handlers[SIGTERM] = lambda _: is_over.set()
    async with TaskGroup() as group:
        group.spawn(_reset_streams(process, listener), name="tcp-reset")
        await go_log(process, f"Serving on port {port}.")
        await is_over.wait()
        group.cancel()
    await go_log(process, "Shutting down after receiving signal: terminated.")
    await go_log(process, "Awaiting pod deletion.")
    return 0


async def _reset_streams(process: Process, listener: Listener) -> None:
    while True:
        stream = await listener.accept()
        assert stream.peer is not None, "a stream has a peer"
        try:
            while stream.read_now(1) is None:
                await stream.wait_readable()
        except FsError:
            continue  # as the original, which does not look whether it could read
        finally:
            stream.release()  # with bytes that nobody has read, which makes it a reset
            await go_log(process, f"TCP request from {stream.peer.text()}")


async def run_connect(process: Process) -> int:
    """Say in one word why a connection cannot be made; nothing when it can."""
    operands: list[str] = []
    flags = await read_flags(
        process, {"timeout": "0s", "protocol": "tcp", "udp-data": "hostname", "sctp-data": "hostname"}, operands
    )
    if flags is None:
        return 1
    if len(operands) != 1:
        await process.write(2, f"Error: accepts 1 arg(s), received {len(operands)}\n".encode())
        return 1
    if flags["protocol"] not in ("", "tcp", "udp"):
        await process.complain(f"connect --protocol={flags['protocol']} is not emulated")
        return 1
    try:
        patience_ns = parse_duration(flags["timeout"])
    except InputError as error:
        await process.write(2, f"Error: invalid argument: {error}\n".encode())
        return 1
    host, colon, port = operands[0].rpartition(":")
    if not colon:
        return await _fail(process, f"UNKNOWN: address {operands[0]}: missing port in address")
    try:
        address = SocketAddress((await resolve(process, host))[0], int(port))
    except (NameUnknown, ValueError):
        return await _fail(process, f"DNS: lookup {host}: no such host")
    attempt = _connect_udp if flags["protocol"] == "udp" else _connect_tcp
    try:
        async with timeout(patience_ns or 1 << 62):
            await attempt(process, address, flags["udp-data"])
    except TimeoutError:
        return await _fail(process, "TIMEOUT")
    except FsError as error:
        return await _fail(process, _word_for(address, error))
    return 0


async def _connect_tcp(process: Process, address: SocketAddress, data: str) -> None:  # noqa: ARG001 - an attempt
    (await connect(process, address)).release()


async def _connect_udp(process: Process, address: SocketAddress, data: str) -> None:
    socket = process.network.connect_datagrams(address, uid=process.credentials.uid)
    socket.hold()
    try:
        socket.write_now(f"{data}\n".encode(errors="surrogateescape"))
        await socket.receive()
    finally:
        socket.release()


def _word_for(address: SocketAddress, error: FsError) -> str:
    if error.errno_name == "ETIMEDOUT":
        return "TIMEOUT"
    if error.errno_name == "ECONNREFUSED":
        return "REFUSED"
    return f"OTHER: dial tcp {address.text()}: connect: {error.strerror[:1].lower()}{error.strerror[1:]}"


async def _fail(process: Process, text: str) -> int:
    await process.write(2, f"{text}\n".encode(errors="surrogateescape"))
    return 1
