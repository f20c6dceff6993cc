"""agnhost netexec: a web server and a UDP server that tests ask about themselves and let talk to others.

Mirrors kubernetes: test/images/agnhost/netexec/netexec.go. TLS, SCTP and uploads are not emulated.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from kubesim.errors import InputError
from kubesim.kernel import TaskGroup, timeout
from kubesim.model.duration import parse_duration
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.image_programs.go_flags import FlagError, integer, parse_flags
from kubesim.userland.image_programs.go_http import go_error, go_log, go_refusal, go_response, go_time
from kubesim.userland.network.address import ANY_IPV6, SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.http_client import get
from kubesim.userland.network.http_message import header_of
from kubesim.userland.network.http_server import Request, Response, serve
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.network.sockets import bind_datagrams, listen
from kubesim.userland.processes.executable import executable_at
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGTERM

_SECOND = 1_000_000_000
DIAL_SECONDS = 5

SHELL = "/bin/sh"

_FLAGS = {
    "http-port": "8080",
    "udp-port": "8081",
    "sctp-port": "-1",
    "tls-cert-file": "",
    "tls-private-key-file": "",
    "http-override": "",
    "udp-listen-addresses": "",
    "delay-shutdown": "0",
}


async def run_netexec(process: Process) -> int:
    """Serve until a request or SIGTERM ends it."""
    try:
        flags = {**_FLAGS, **parse_flags(process.argv[2:], list(_FLAGS))}
        ports = {name: integer(name, flags[name]) for name in ("http-port", "udp-port", "sctp-port", "delay-shutdown")}
    except FlagError as error:
        await process.write(2, f"Error: {error}\n".encode(errors="surrogateescape"))
        return 1
    for name in ("tls-cert-file", "tls-private-key-file", "http-override", "udp-listen-addresses"):
        if flags[name]:
            await process.complain(f"netexec --{name} is not emulated")
            return 1
    if ports["sctp-port"] != -1:
        await process.complain("netexec --sctp-port is not emulated")
        return 1
    server = _Server(process, ports["http-port"], ports["udp-port"])
    process.handlers[SIGTERM] = lambda _: server.terminate(ports["delay-shutdown"])
    return await server.run()


class _Server:
    def __init__(self, process: Process, http_port: int, udp_port: int) -> None:
        self._process = process
        self._http_port = http_port
        self._udp_port = udp_port
        self._is_ready = False
        self._is_terminating = False
        self._group = TaskGroup()
        self._routes: Mapping[str, Callable[[Request, Mapping[str, str]], Awaitable[Response]]] = {
            "/clientip": self._client_ip,
            "/serverport": self._server_port,
            "/header": self._header,
            "/dial": self._dial,
            "/echo": self._echo,
            "/exit": self._exit,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/hostname": self._hostname,
            "/hostName": self._hostname,
            "/redirect": self._redirect,
            "/shell": self._shell,
            "/shutdown": self._shutdown,
            "/upload": self._upload,
        }

    async def run(self) -> int:
        process = self._process
        try:
            async with self._group:
                if self._udp_port != -1:
                    socket = bind_datagrams(process, SocketAddress(ANY_IPV6, self._udp_port))
                    await self._log(f"Started UDP server on port  {self._udp_port}")
                    self._is_ready = True
                    self._group.spawn(self._serve_datagrams(socket), name="netexec udp")
                await self._log(f"Started HTTP server on port {self._http_port}")
                listener = listen(process, SocketAddress(ANY_IPV6, self._http_port))
                await serve(process, listener, self._respond, go_refusal)
        except FsError as error:
            text = error.strerror[:1].lower() + error.strerror[1:]
            await self._log(f"listen tcp :{self._http_port}: bind: {text}")
            return 1
        return 0

    def terminate(self, delay_seconds: int) -> None:
        """SIGTERM: not ready any more, and gone after the delay."""
        if not self._is_terminating:
            self._is_terminating = True
            self._group.spawn(self._leave(delay_seconds), name="netexec ends")

    async def _leave(self, delay_seconds: int) -> None:
        if delay_seconds > 0:
            await self._log(f"Sleeping {delay_seconds} seconds before terminating...")
            await self._process.sleep(delay_seconds * _SECOND)
        raise ProcessExit(0)

    async def _log(self, text: str) -> None:
        await go_log(self._process, text)

    # -- http ---------------------------------------------------------------------------------------------

    async def _respond(self, request: Request) -> Response:
        values = dict(reversed(parse_qsl(request.head.query, keep_blank_values=True)))
        if header_of(request.head.headers, "content-type") == "application/x-www-form-urlencoded":
            values |= dict(reversed(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)))
        return await self._routes.get(request.head.path, self._root)(request, values)

    def _say(self, text: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        return go_response(self._process, text, status=status, headers=headers)

    async def _root(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /")
        return self._say(f"NOW: {go_time(self._process.kernel.now_ns)}")

    async def _client_ip(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /clientip")
        return self._say(request.peer.text())

    async def _server_port(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /serverport")
        return self._say(str(self._http_port))

    async def _hostname(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log(f"GET {request.head.path}")
        return self._say(self._process.hostname)

    async def _header(self, request: Request, values: Mapping[str, str]) -> Response:
        key = values.get("key", "")
        if key:
            await self._log(f"GET /header?key={key}")
            return self._say(header_of(request.head.headers, key) or "")
        await self._log("GET /header")
        found: dict[str, list[str]] = {}
        for name, value in request.head.headers:
            if name.lower() != "host":  # Go keeps it elsewhere
                found.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
        return self._say(_go_json(found))

    async def _echo(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        message, code = values.get("msg", ""), values.get("code", "")
        await self._log(f"GET /echo?msg={message}&code={code}")
        if code and not code.isdecimal():
            return self._say(f"argument 'code' must be an integer or empty, got {json.dumps(code)}\n")
        return self._say(message, int(code) if code else 200)

    async def _healthz(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /healthz")
        return self._say("", 200 if self._is_ready else 412)

    async def _readyz(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /readyz")
        if self._is_terminating:
            return self._say("shutting down", 503)
        return self._say("ok") if self._is_ready else self._say("", 412)

    async def _redirect(self, request: Request, values: Mapping[str, str]) -> Response:
        location, code = values.get("location", ""), values.get("code", "")
        await self._log(f"{request.head.method} /redirect?msg={location}&code={code}")
        if code and not code.isdecimal():
            return self._say(f"argument 'code' must be an integer or empty, got {json.dumps(code)}\n")
        return self._say("", int(code) if code else 302, (("Location", location),))

    async def _shutdown(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /shutdown")
        raise ProcessExit(0)

    async def _exit(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        texts = {name: values.get(name, "") for name in ("code", "timeout", "wait")}
        await self._log("GET /exit?code={code}&timeout={timeout}&wait={wait}".format(**texts))
        durations_ns = {"timeout": 0, "wait": 0}
        for name in durations_ns:
            try:
                durations_ns[name] = parse_duration(texts[name]) if texts[name] else 0
            except InputError:
                shown = json.dumps(texts[name])
                return self._say(f"argument '{name}' must be a valid golang duration or empty, got {shown}\n")
        if texts["code"] and not texts["code"].isdecimal():
            shown = json.dumps(texts["code"])
            return self._say(f"argument 'code' must be an integer [0-127] or empty, got {shown}\n")
        await self._process.sleep(durations_ns["wait"])
        raise ProcessExit(int(texts["code"] or "0"))

    async def _upload(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        await self._log("GET /upload")
        return go_error(self._process, "uploads are not emulated", 501)

    async def _shell(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        command = values.get("shellCommand") or values.get("cmd", "")
        await self._log(f"GET /shell?cmd={command}")
        output, error = await self._run_shell(command)
        answer = {key: value for key, value in (("error", error), ("output", output)) if value}
        await self._log(f"Output: map[{' '.join(f'{key}:{value}' for key, value in answer.items())}]")
        return self._say(_go_json(answer))

    async def _run_shell(self, command: str) -> tuple[str, str]:
        """What the shell printed, and what Go says of its end."""
        process = self._process

        async def execute(child: Process) -> int:
            try:
                child.execute(executable_at(child.files, SHELL), [SHELL, "-c", command], child.env)
            except FsError as error:
                await child.complain(f"{SHELL}: {error.strerror}")
                return 127

        if not process.files.exists(SHELL):
            return "", f"fork/exec {SHELL}: no such file or directory"
        child = process.fork(execute)
        reader, writer = Pipe().ends()
        reader.hold()
        child.set_file(1, writer)
        child.set_file(2, writer)
        output = bytearray()
        try:
            while part := await process.read_from(reader):
                output += part
        finally:
            reader.release()
        status = await child.wait()
        text = output.decode(errors="replace")
        if status.signal is not None:
            return text, "signal: killed"
        return text, f"exit status {status.code}" if status.code else ""

    # -- dial ---------------------------------------------------------------------------------------------

    async def _dial(self, request: Request, values: Mapping[str, str]) -> Response:  # noqa: ARG002 - a route
        names = ("host", "protocol", "port", "request", "tries")
        host, protocol, port, text, tries = (values.get(name, "") for name in names)
        await self._log(f"GET /dial?host={host}&protocol={protocol}&port={port}&request={text}&tries={tries}")
        if tries and not tries.isdecimal():
            return go_error(
                self._process, f'tries parameter is invalid. strconv.Atoi: parsing "{tries}": invalid syntax', 400
            )
        if not text:
            return go_error(self._process, "request parameter not specified. <nil>", 400)
        if protocol.lower() not in ("", "http", "udp"):
            return go_error(self._process, f"unsupported protocol. {protocol}", 400)
        try:
            address = SocketAddress((await resolve(self._process, host))[0], int(port))
        except (NameUnknown, ValueError):
            reason = f"lookup {host}: no such host" if port.isdecimal() else f"address {port}: invalid port"
            return go_error(self._process, f"host and/or port param are invalid. {reason}", 400)
        responses, errors = [], []
        for _ in range(int(tries or "1")):
            try:
                dial = self._dial_udp if protocol.lower() == "udp" else self._dial_http
                responses.append(await dial(address, text))
            except (FsError, TimeoutError) as error:
                errors.append(_dial_error(address, protocol, error))
            await self._process.step()
        answer = {key: value for key, value in (("errors", errors), ("responses", responses)) if value}
        return self._say(_go_json(answer))

    async def _dial_http(self, address: SocketAddress, path: str) -> str:
        async with timeout(DIAL_SECONDS * _SECOND):
            return (await get(self._process, address, f"/{path}")).decode(errors="replace")

    async def _dial_udp(self, address: SocketAddress, text: str) -> str:
        socket = self._process.network.connect_datagrams(address, uid=self._process.credentials.uid)
        socket.hold()
        try:
            socket.write_now(text.encode(errors="surrogateescape"))
            async with timeout(DIAL_SECONDS * _SECOND):
                return (await socket.receive())[0].decode(errors="replace")
        finally:
            socket.release()

    # -- udp ----------------------------------------------------------------------------------------------

    async def _serve_datagrams(self, socket: DatagramSocket) -> None:
        while True:
            data, sender = await socket.receive()
            text = data.decode(errors="replace").strip().lower()
            answers = {
                "hostname": self._process.hostname,
                "clientip": sender.text(),
                "serverport": str(self._udp_port),
            }
            answer = text[5:] if text.startswith("echo ") else answers.get(text)
            if answer is not None:
                socket.send_to(answer.encode(errors="surrogateescape"), sender)
            elif text:
                await self._log(f"Unknown UDP command received from {sender.text()}: {text}")
            await self._process.step()


def _dial_error(address: SocketAddress, protocol: str, error: FsError | TimeoutError) -> str:
    text = f"{error.strerror[:1].lower()}{error.strerror[1:]}" if isinstance(error, FsError) else "i/o timeout"
    if protocol.lower() == "udp":
        return f"reading from udp connection failed. err:'read udp {address.text()}: {text}'"
    return f'Get "http://{address.text()}/": dial tcp {address.text()}: connect: {text}'


def _go_json(value: object) -> str:
    """encoding/json: no blanks, keys sorted, signs of HTML escaped."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
