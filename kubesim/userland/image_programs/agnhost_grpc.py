"""agnhost grpc-health-checking: a gRPC health service that turns ill after a time, or when it is told to.

Mirrors kubernetes: test/images/agnhost/grpc-health-checking/grpc-health-checking.go. TLS is not emulated.
"""

from __future__ import annotations

from kubesim.kernel import TaskGroup
from kubesim.model.duration import format_duration
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.agnhost_servers import listen_error, read_flags, serve_http
from kubesim.userland.image_programs.go_http import go_error, go_log, go_response, go_time
from kubesim.userland.network.address import ANY_IPV6, SocketAddress
from kubesim.userland.network.grpc_connection import GrpcCode, GrpcError
from kubesim.userland.network.grpc_health import HEALTH_SERVICE, health_response, service_of
from kubesim.userland.network.grpc_server import Answer, serve_calls
from kubesim.userland.network.http_server import Request, Response
from kubesim.userland.network.sockets import listen
from kubesim.userland.processes.process_life import Process

_SECOND = 1_000_000_000

_FLAGS = {
    "port": "5000",
    "http-port": "8080",
    "delay-unhealthy-sec": "-1",
    "service": "",
    "tls-cert-file": "",
    "tls-private-key-file": "",
}


async def run_grpc_health_checking(process: Process) -> int:
    """Serve gRPC, and HTTP to be told by, until the process ends."""
    flags = await read_flags(process, _FLAGS)
    if flags is None:
        return 1
    if bool(flags["tls-cert-file"]) != bool(flags["tls-private-key-file"]):
        await go_log(process, "Both --tls-cert-file and --tls-private-key-file must be set")
        return 1
    if flags["tls-cert-file"]:
        await process.complain("grpc-health-checking --tls-cert-file is not emulated")
        return 1
    return await _HealthChecking(process, flags).run()


class _HealthChecking:
    def __init__(self, process: Process, flags: dict[str, str]) -> None:
        self._process = process
        self._port, self._http_port = int(flags["port"]), int(flags["http-port"])
        self._delay_seconds = int(flags["delay-unhealthy-sec"])
        self._service = flags["service"]
        self._started_ns = process.kernel.now_ns
        self._is_forced_ill: bool | None = None

    async def run(self) -> int:
        process = self._process
        async with TaskGroup() as group:
            await go_log(process, f"Http server starting to listen on :{self._http_port}")
            http = group.spawn(serve_http(process, self._http_port, self._respond), name="grpc-health-checking http")
            try:
                listener = listen(process, SocketAddress(ANY_IPV6, self._port))
            except FsError as error:
                text = f"Error while starting the listening service {listen_error(self._port, error)}"
                await go_log(process, text)
                group.cancel()
                return 1
            await go_log(process, f"gRPC server starting to listen on :{self._port}")
            methods = {"Check": self._check, "List": _unimplemented, "Watch": _unimplemented}
            calls = serve_calls(process, listener, {HEALTH_SERVICE: methods})
            group.spawn(calls, name="grpc-health-checking grpc")
            code = await http.join()  # it ends only when its port cannot be had, and takes the program with it
            group.cancel()
        return code

    async def _check(self, message: bytes, answer: Answer) -> None:
        service = service_of(message)
        # Go prints how long after the start of the program the time was taken, too.
        started = f"{go_time(self._started_ns)} m=+0.000000001"
        await go_log(self._process, f"Serving the Check request for health check, started at {started}")
        if service != self._service:
            raise GrpcError(GrpcCode.NOT_FOUND, "unknown service")
        is_late = 0 <= self._delay_seconds * _SECOND <= self._age_ns()
        await answer(health_response("NOT_SERVING" if self._is_forced_ill or is_late else "SERVING"))

    async def _respond(self, request: Request) -> Response:
        told = {"/make-not-serving": ("Mark as unhealthy", True), "/make-serving": ("Mark as healthy", False)}
        found = told.get(request.head.path)
        if found is None:
            return go_error(self._process, "404 page not found", 404)
        text, self._is_forced_ill = found
        await go_log(self._process, text)
        return go_response(self._process, format_duration(self._age_ns()))

    def _age_ns(self) -> int:
        return self._process.kernel.now_ns - self._started_ns


async def _unimplemented(_: bytes, answer: Answer) -> None:  # noqa: ARG001 - a method
    raise GrpcError(GrpcCode.UNIMPLEMENTED, "unimplemented")
