"""Services of programs, checked and measured: what `kubesim.model.service_spec` says, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from kubesim.model.mistakes import one_of
from kubesim.model.paths import Path
from kubesim.model.schedule import Schedule, Sequence
from kubesim.model.script_reader import Report, ScriptReader
from kubesim.model.service_spec import (
    AnswerSpec,
    CountedAnswerSpec,
    Failure,
    GrpcSpec,
    HealthStatus,
    HttpSpec,
    PortSpec,
    RouteSpec,
    StatusSpec,
    TcpMode,
    TcpSpec,
)

T = TypeVar("T")

BACKLOG = 128
"""Of a listener that names none. Mirrors the default of the emulated listen(2)."""

_OWN_MODES = ("echo", "send")
"""What a port with a service of its own cannot do besides."""

_BODILESS = (204, 304)
_REDIRECTS = (301, 302, 303, 307, 308)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FRAMING = ("connection", "content-length", "date", "transfer-encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What one request gets."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    file: str | None = None
    delay_ns: int = 0
    fail: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoute:
    """What the requests for a path get."""

    path: str
    is_prefix: bool
    methods: tuple[str, ...]
    """Empty: all."""
    answers: Schedule[HttpAnswer] | Sequence[HttpAnswer]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpService:
    """An HTTP server; `routes` in the order in which they are tried."""

    routes: tuple[HttpRoute, ...] = ()
    is_logged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcService:
    """A gRPC server with the health service: what is said of each name."""

    health: tuple[tuple[str, Schedule[HealthStatus]], ...]


ALWAYS_ACCEPT: Schedule[TcpMode] = Schedule(entries=((0, "accept"),))

Service: TypeAlias = HttpService | GrpcService


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Take connections on a TCP port, and serve them."""

    port: int
    modes: Schedule[TcpMode] = ALWAYS_ACCEPT
    """`accept` hands a connection to the service, if there is one."""
    banner: bytes = b""
    """What the mode `send` sends."""
    backlog: int = BACKLOG
    service: Service | None = None


def read_ports(specs: list[PortSpec], report: Report) -> Iterator[tuple[int, Listen]]:
    """When each port is opened, in nanoseconds from the start, and what it does; mistakes go to `report`."""
    seen: set[int] = set()
    for index, spec in enumerate(specs):
        path: Path = ("ports", index)
        if spec.port in seen:
            report((*path, "port"), f"port {spec.port} is there twice", "")
        seen.add(spec.port)
        reader = _PortReader(report)
        at_ns = reader.duration((*path, "at"), spec.at) if spec.at is not None else 0
        yield at_ns, reader.listen(path, spec)


class _PortReader(ScriptReader):
    """Measures what one port does."""

    def listen(self, path: Path, spec: PortSpec) -> Listen:
        listen = Listen(port=spec.port)
        if spec.tcp is not None:
            listen = self._tcp((*path, "tcp"), spec.tcp, listen, has_service=bool(spec.http or spec.grpc))
        if spec.http is not None and spec.grpc is not None:
            self._report(path, "http beside grpc", "give each a port of its own")
        if spec.http is not None:
            listen = replace(listen, service=self._http((*path, "http"), spec.http))
        elif spec.grpc is not None:
            listen = replace(listen, service=self._grpc((*path, "grpc"), spec.grpc))
        return listen

    # -- tcp ----------------------------------------------------------------------------------------------

    def _tcp(self, path: Path, spec: TcpSpec, listen: Listen, *, has_service: bool) -> Listen:
        if spec.mode is not None and spec.schedule:
            self._report((*path, "mode"), "a mode beside a schedule", "keep one of them")
        timed = [((*path, "schedule", index), entry.from_, entry.mode) for index, entry in enumerate(spec.schedule)]
        modes: Schedule[TcpMode] = self._schedule(path, timed, spec.mode or "accept", spec.every)
        places = [((*path, "mode"), spec.mode or "accept")] if not timed else [((*at, "mode"), m) for at, _, m in timed]
        for place, mode in places:
            if has_service and mode in _OWN_MODES:
                hint = "expected one of accept, close, reset, refuse, hang, drop"
                self._report(place, f"{mode} beside a service, which answers itself", hint)
        if (spec.text is not None) != any(mode == "send" for _, mode in places):
            hint = "give both, or none of them"
            self._report((*path, "text"), "the mode send and a text to send belong together", hint)
        banner = (spec.text or "").encode(errors="surrogateescape")
        return replace(listen, modes=modes, banner=banner, backlog=BACKLOG if spec.backlog is None else spec.backlog)

    # -- http ---------------------------------------------------------------------------------------------

    def _http(self, path: Path, spec: HttpSpec) -> HttpService:
        routes: list[HttpRoute] = []
        for index, route_spec in enumerate(spec.routes):
            route_path = (*path, "routes", index)
            route = self._route(route_path, route_spec)
            for other_index, other in enumerate(routes):
                is_same_place = (other.path, other.is_prefix) == (route.path, route.is_prefix)
                shares_methods = not (other.methods and route.methods) or set(other.methods) & set(route.methods)
                if is_same_place and shares_methods:
                    self._report(route_path, f"takes what routes[{other_index}] takes already", "")
                    break
            routes.append(route)
        # An exact path before all prefixes, a long prefix before a short one.
        return HttpService(
            routes=tuple(sorted(routes, key=lambda route: (route.is_prefix, -len(route.path)))), is_logged=spec.log
        )

    def _route(self, path: Path, spec: RouteSpec) -> HttpRoute:
        if (spec.path is None) == (spec.prefix is None):
            self._report(path, "a route needs either a path or a prefix", "")
        name = "path" if spec.path is not None else "prefix"
        wanted = (spec.path if spec.path is not None else spec.prefix) or ""
        if getattr(spec, name) is not None and (not wanted.startswith("/") or "?" in wanted or "#" in wanted):
            hint = "expected e.g. /healthz, without a query"
            self._report((*path, name), f"{wanted!r} is no path of a request", hint)
        methods = tuple(spec.methods)
        for index, method in enumerate(methods):
            if not _TOKEN.fullmatch(method) or method != method.upper():
                self._report((*path, "methods", index), f"{method!r} is no method", "expected e.g. GET")
        if "GET" in methods and "HEAD" not in methods:
            methods = (*methods, "HEAD")
        return HttpRoute(path=wanted, is_prefix=spec.path is None, methods=methods, answers=self._answers(path, spec))

    def _answers(self, path: Path, spec: RouteSpec) -> Schedule[HttpAnswer] | Sequence[HttpAnswer]:
        if spec.schedule and spec.sequence:
            self._report(path, "a schedule beside a sequence", "keep one of them")
        if spec.schedule or spec.sequence:
            for name in AnswerSpec.__struct_fields__:
                if getattr(spec, name) not in (None, {}):
                    list_name = "schedule" if spec.schedule else "sequence"
                    self._report((*path, name), f"{name} beside a {list_name}", f"say it in each entry of {list_name}")
        if spec.sequence:
            if spec.every is not None:
                self._report((*path, "every"), "every without a schedule", "a sequence counts requests")
            return self._sequence(path, spec.sequence)
        timed = [
            ((*path, "schedule", index), entry.from_, self._answer((*path, "schedule", index), entry))
            for index, entry in enumerate(spec.schedule)
        ]
        only = HttpAnswer() if timed else self._answer(path, spec)
        return self._schedule(path, timed, only, spec.every)

    def _sequence(self, path: Path, specs: list[CountedAnswerSpec]) -> Sequence[HttpAnswer]:
        entries = []
        for index, spec in enumerate(specs):
            is_last = index + 1 == len(specs)
            answer = self._answer((*path, "sequence", index), spec)
            entries.append((spec.times if is_last else spec.times or 1, answer))
        return Sequence(entries=tuple(entries))

    def _answer(self, path: Path, spec: AnswerSpec) -> HttpAnswer:
        delay_ns = self.duration((*path, "delay"), spec.delay) if spec.delay is not None else 0
        if spec.fail is not None:
            for name in ("status", "headers", "body", "file", "redirect"):
                if getattr(spec, name) not in (None, {}):
                    self._report((*path, name), f"{name} beside fail, which answers nothing", "keep one of them")
            return HttpAnswer(delay_ns=delay_ns, fail=spec.fail)
        if sum(source is not None for source in (spec.body, spec.file, spec.redirect)) > 1:
            self._report(path, "an answer has one of body, file and redirect", "keep one of them")
        status = spec.status or (200 if spec.redirect is None else 302)
        if spec.redirect is not None and status not in _REDIRECTS:
            self._report((*path, "status"), f"status {status} is no redirect", f"expected {one_of(_REDIRECTS)}")
        if status in _BODILESS and (spec.body or spec.file is not None):
            self._report((*path, "status"), f"an answer with status {status} has no body", "leave the body out")
        if spec.file is not None and (not spec.file or "\0" in spec.file):
            self._report((*path, "file"), f"{spec.file!r} is no path", "expected e.g. /srv/page.html")
        headers = list(self._headers(path, spec.headers))
        if spec.redirect is not None:
            if not _is_header_value(spec.redirect):
                self._report((*path, "redirect"), f"{spec.redirect!r} is no location", "expected e.g. /healthz")
            headers.append(("Location", spec.redirect))
        body = (spec.body or "").encode(errors="surrogateescape")
        return HttpAnswer(status=status, headers=tuple(headers), body=body, file=spec.file, delay_ns=delay_ns)

    def _headers(self, path: Path, headers: dict[str, str]) -> Iterator[tuple[str, str]]:
        for name, value in headers.items():
            place = (*path, "headers", name)
            if not _TOKEN.fullmatch(name):
                self._report(place, f"{name!r} is no name of a header", "expected e.g. X-Version")
            elif name.lower() in _FRAMING and (name.lower(), value.lower()) != ("connection", "close"):
                self._report(place, f"{name} is the server's own to say", "leave it out")
            if not _is_header_value(value):
                self._report(place, f"{value!r} is no value of a header", "expected printable Latin-1 text")
            yield name, value

    # -- grpc ---------------------------------------------------------------------------------------------

    def _grpc(self, path: Path, spec: GrpcSpec) -> GrpcService:
        health: list[tuple[str, Schedule[HealthStatus]]] = []
        statuses: dict[str, HealthStatus | StatusSpec] = {"": "SERVING"} if spec.health is None else spec.health
        for name, status in statuses.items():
            if not isinstance(status, StatusSpec):
                health.append((name, Schedule(entries=((0, status),))))
                continue
            place = (*path, "health", name)
            timed = [((*place, "schedule", at), entry.from_, entry.status) for at, entry in enumerate(status.schedule)]
            health.append((name, self._schedule(place, timed, "UNKNOWN", status.every)))
        return GrpcService(health=tuple(health))

    # -- all ---------------------------------------------------------------------------------------------

    def _schedule(self, path: Path, timed: list[tuple[Path, str, T]], only: T, every: str | None) -> Schedule[T]:
        """A schedule of entries with their places and times, or of the one value when there are none."""
        if not timed:
            if every is not None:
                self._report((*path, "every"), "every without a schedule", "add a schedule, or leave every out")
            return Schedule(entries=((0, only),))
        entries: list[tuple[int, T]] = []
        for place, text, value in timed:
            from_ns = self.duration((*place, "from"), text)
            if not entries and from_ns:
                self._report((*place, "from"), f"the first entry is from {text}", "expected 0s")
            elif entries and from_ns <= entries[-1][0]:
                self._report((*place, "from"), f"{text} is not after the entry before", "sort the entries by time")
            entries.append((from_ns, value))
        every_ns = self.period((*path, "every"), every) if every is not None else None
        if every_ns is not None and every_ns <= entries[-1][0]:
            self._report((*path, "every"), f"it begins again after {every}, before its last entry", "")
        return Schedule(entries=tuple(entries), every_ns=every_ns)


def _is_header_value(text: str) -> bool:
    return text.isprintable() and text == text.strip() and all(ord(letter) < 256 for letter in text)
