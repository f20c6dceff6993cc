"""Services of an image fixture's programs: what the ports of a script answer, and when.

    ports:
    - port: 8080
      at: 2s                                                   # nobody listens before
      http:
        log: true                                              # a line on standard output for each request
        routes:
        - {path: /healthz, body: ok}                           # status 200, any method
        - {path: /items, methods: [POST], status: 201, headers: {X-Item: "7"}, delay: 300ms}
        - {prefix: /static/, file: /srv/page.html}             # a file of the container; the longest prefix wins
        - {path: /old, redirect: /healthz}                     # status 302
        - {path: /stuck, fail: hang}                           # or close, or reset, instead of an answer
        - path: /ready                                         # well for 30 s of each minute
          schedule: [{from: 0s, body: ok}, {from: 30s, status: 503}]
          every: 1m
        - path: /cold                                          # three failures, then well
          sequence: [{times: 3, status: 500}, {status: 200}]
    - port: 9000
      tcp: {mode: echo}
    - port: 9001
      tcp:
        schedule: [{from: 0s, mode: refuse}, {from: 10s, mode: accept}, {from: 40s, mode: drop}]
    - port: 9090
      grpc:
        health:                                                # of grpc.health.v1.Health, by the service's name
          "": SERVING                                          # the server as a whole
          db: {schedule: [{from: 0s, status: SERVING}, {from: 30s, status: NOT_SERVING}], every: 1m}

`tcp` says what becomes of a connection: `accept` reads until the other side closes and answers nothing, `echo` sends
back what it reads, `send` sends `text` first, `close` and `reset` end it at once, `refuse` is no listener, `hang` a
listener that nobody accepts from (who connects gets through until `backlog` is full), and `drop` one that answers no
attempt. Together with `http` or `grpc` it has those modes that say whether one gets through: `accept` is then the
service.

Of `grpc`, `health` left out is SERVING for the server as a whole. A service that is not named, or is SERVICE_UNKNOWN at
the time, is answered as one that does not exist.

Times count from the start of the program, `sequence` counts the requests of its route; when its last entry has `times`
as well, it begins again after them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Failure = Literal["hang", "close", "reset"]
HealthStatus = Literal["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"]
TcpMode = Literal["accept", "echo", "send", "close", "reset", "refuse", "hang", "drop"]


class AnswerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one request gets."""

    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    """None: 200, and 302 of a redirect."""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    file: str | None = None
    """The path of a file of the container, which is read for each request."""
    redirect: str | None = None
    """The Location header."""
    delay: str | None = None
    """A Go duration between the request and the answer."""
    fail: Failure | None = None
    """Instead of an answer."""


class TimedAnswerSpec(AnswerSpec, frozen=True, kw_only=True, rename={"from_": "from"}):
    """An answer from a time on."""

    from_: str
    """A Go duration."""


class CountedAnswerSpec(AnswerSpec, frozen=True, kw_only=True):
    """An answer to so many requests."""

    times: Annotated[int, Meta(ge=1)] | None = None
    """None: one, and all that follow when it is the last."""


class RouteSpec(AnswerSpec, frozen=True, kw_only=True):
    """What the requests for a path get: one answer, or a schedule, or a sequence of them."""

    path: str | None = None
    prefix: str | None = None
    methods: list[str] = field(default_factory=list)
    """Empty: all. GET brings HEAD."""
    schedule: list[TimedAnswerSpec] = field(default_factory=list)
    every: str | None = None
    sequence: list[CountedAnswerSpec] = field(default_factory=list)


class HttpSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An HTTP/1.1 server."""

    routes: list[RouteSpec] = field(default_factory=list)
    log: bool = False


class TimedModeSpec(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}
):
    """A mode from a time on."""

    from_: str
    mode: TcpMode


class TcpSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of connections."""

    mode: TcpMode | None = None
    """None: accept, when there is no schedule."""
    text: str | None = None
    """What `send` sends."""
    backlog: Annotated[int, Meta(ge=0, le=4096)] | None = None
    schedule: list[TimedModeSpec] = field(default_factory=list)
    every: str | None = None


class TimedStatusSpec(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}
):
    """A status from a time on."""

    from_: str
    status: HealthStatus


class StatusSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The health of one service over time."""

    schedule: Annotated[list[TimedStatusSpec], Meta(min_length=1)]
    every: str | None = None


class GrpcSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A gRPC server with the health service."""

    health: dict[str, HealthStatus | StatusSpec] | None = None
    """By the name of the service; None: the server as a whole is SERVING."""


class PortSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A TCP port the program listens on from then on."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    at: str | None = None
    """A Go duration."""
    tcp: TcpSpec | None = None
    http: HttpSpec | None = None
    grpc: GrpcSpec | None = None
