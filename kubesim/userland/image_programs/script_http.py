"""The HTTP server of a scripted program: which route takes a request, and what it answers then.

What no route says is as Go's net/http has it: its text for an unknown path, and for a method that a path does not take.
Mirrors Go: net/http/server.go, NotFound and (*ServeMux).findHandler.
"""

from __future__ import annotations

from kubesim.kernel import timeout
from kubesim.model.schedule import Schedule
from kubesim.model.service_script import HttpAnswer, HttpRoute, HttpService
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.go_http import TEXT, go_error, go_refusal
from kubesim.userland.network.http_message import Headers, ResponseHead, header_of, path_of
from kubesim.userland.network.http_server import (
    NoAnswer,
    Request,
    Response,
    answer_requests,
    http_date,
    until_gone,
)
from kubesim.userland.network.stream import Stream
from kubesim.userland.processes.process_life import Process


class ScriptedHttp:
    """The server behind one port. `start_ns` is when the program began."""

    __slots__ = ("_counts", "_process", "_service", "_start_ns")

    def __init__(self, process: Process, service: HttpService, start_ns: int) -> None:
        self._process = process
        self._service = service
        self._start_ns = start_ns
        self._counts = [0] * len(service.routes)
        """How many requests each route has taken."""

    async def serve_stream(self, stream: Stream) -> None:
        """Answer the requests of one connection."""

        async def respond(request: Request) -> Response | NoAnswer:
            return await self._respond(request, stream)

        await answer_requests(self._process, stream, respond, go_refusal)

    async def _respond(self, request: Request, stream: Stream) -> Response | NoAnswer:
        found = self._answer_for(request.head.method, path_of(request.head.target))
        response = found if isinstance(found, Response) else await self._carried_out(found, stream)
        if self._service.is_logged:
            outcome = response.value if isinstance(response, NoAnswer) else response.head.status
            line = f"{request.peer.text()} {request.head.method} {request.head.target} {outcome}\n"
            await self._process.write(1, line.encode())
        return response

    async def _carried_out(self, answer: HttpAnswer, stream: Stream) -> Response | NoAnswer:
        if answer.delay_ns and not await self._delay(answer.delay_ns, stream):
            return NoAnswer.CLOSE
        return NoAnswer(answer.fail) if answer.fail else self._response(answer)

    @staticmethod
    async def _delay(delay_ns: int, stream: Stream) -> bool:
        """Let the time pass; False when the client has gone meanwhile."""
        try:
            async with timeout(delay_ns):
                await until_gone(stream)
        except TimeoutError:
            return True
        return False

    def _answer_for(self, method: str, path: str) -> HttpAnswer | Response:
        allowed: set[str] = set()
        for index, route in enumerate(self._service.routes):
            if not (path.startswith(route.path) if route.is_prefix else path == route.path):
                continue
            if not route.methods or method in route.methods:
                return self._turn(index, route)
            allowed.update(route.methods)
        if not allowed:
            return go_error(self._process, "404 page not found", 404)
        refused = go_error(self._process, "Method Not Allowed", 405)
        headers = (("Allow", ", ".join(sorted(allowed))), *refused.head.headers)
        return Response(head=ResponseHead(status=405, headers=headers), body=refused.body)

    def _turn(self, index: int, route: HttpRoute) -> HttpAnswer:
        count = self._counts[index]
        self._counts[index] += 1
        if isinstance(route.answers, Schedule):
            return route.answers.at(self._process.kernel.now_ns - self._start_ns)
        return route.answers.at(count)

    def _response(self, answer: HttpAnswer) -> Response:
        body = answer.body
        if answer.file is not None:
            try:
                body = self._process.files.read(answer.file)
            except FsError as error:
                is_refused = error.errno_name == "EACCES"
                text, status = ("403 Forbidden", 403) if is_refused else ("404 page not found", 404)
                return go_error(self._process, text, status)
        headers: Headers = (*answer.headers, ("Date", http_date(self._process.kernel.now_ns)))
        if answer.status not in (204, 304):
            headers = (*headers, ("Content-Length", str(len(body))))
            if body and header_of(answer.headers, "content-type") is None:
                headers = (*headers, ("Content-Type", TEXT))
        return Response(head=ResponseHead(status=answer.status, headers=headers), body=body)
