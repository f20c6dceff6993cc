"""Services of scripted programs: what they become, and what is said about wrong ones."""

from __future__ import annotations

import pytest

from kubesim.model.program_script import decoded_script, encoded_script
from kubesim.model.schedule import Schedule, Sequence
from kubesim.model.service_script import GrpcService, HttpAnswer, HttpRoute, HttpService, Listen
from kubesim.model.service_spec import HealthStatus, TcpMode

from .test_program_script import refusal, spec_of

S = 10**9


def always(answer: HttpAnswer) -> Schedule[HttpAnswer]:
    return Schedule(entries=((0, answer),))


def listens(script: str) -> list[tuple[int, Listen]]:
    """When each port of a script is opened, and as what, after a way through an image's file."""
    found = decoded_script(encoded_script(spec_of(script).script))
    return [(step.first_ns, step.action) for step in found.steps if isinstance(step.action, Listen)]


def test_everything_an_http_service_can_say() -> None:
    [(at_ns, listen)] = listens(
        "{ports: [{port: 81, at: 2s, http: {log: true, routes: [{prefix: /, body: b, delay: 1s},"
        " {path: /a, methods: [GET], redirect: /b}, {prefix: /long, fail: hang},"
        " {path: /s, schedule: [{from: 0s, file: /f}, {from: 1s, status: 503, headers: {X: '1'}}], every: 1m},"
        " {path: /n, sequence: [{status: 500}, {times: 2}]}]}}]}"
    )
    by_time = ((0, HttpAnswer(file="/f")), (S, HttpAnswer(status=503, headers=(("X", "1"),))))
    by_count = ((1, HttpAnswer(status=500)), (2, HttpAnswer()))
    redirect = HttpAnswer(status=302, headers=(("Location", "/b"),))
    routes = (
        HttpRoute(path="/a", is_prefix=False, methods=("GET", "HEAD"), answers=always(redirect)),
        HttpRoute(path="/s", is_prefix=False, methods=(), answers=Schedule(entries=by_time, every_ns=60 * S)),
        HttpRoute(path="/n", is_prefix=False, methods=(), answers=Sequence(entries=by_count)),
        HttpRoute(path="/long", is_prefix=True, methods=(), answers=always(HttpAnswer(fail="hang"))),
        HttpRoute(path="/", is_prefix=True, methods=(), answers=always(HttpAnswer(body=b"b", delay_ns=S))),
    )
    assert (at_ns, listen) == (2 * S, Listen(port=81, service=HttpService(is_logged=True, routes=routes)))


def test_everything_a_grpc_service_can_say() -> None:
    script = (
        "{ports: [{port: 84, grpc: {}}, {port: 85, grpc: {health: {'': UNKNOWN, db: {schedule:"
        " [{from: 0s, status: SERVING}, {from: 1s, status: SERVICE_UNKNOWN}], every: 2s}}}}]}"
    )
    by_time: Schedule[HealthStatus] = Schedule(entries=((0, "SERVING"), (S, "SERVICE_UNKNOWN")), every_ns=2 * S)
    assert listens(script) == [
        (0, Listen(port=84, service=GrpcService(health=(("", Schedule(entries=((0, "SERVING"),))),)))),
        (
            0,
            Listen(port=85, service=GrpcService(health=(("", Schedule(entries=((0, "UNKNOWN"),))), ("db", by_time)))),
        ),
    ]


def test_everything_a_port_can_say() -> None:
    script = (
        "{ports: [{port: 80}, {port: 82, tcp: {mode: send, text: hi, backlog: 0}},"
        " {port: 83, tcp: {schedule: [{from: 0s, mode: refuse}, {from: 1s, mode: accept}], every: 2s}, http: {}}]}"
    )
    windows: Schedule[TcpMode] = Schedule(entries=((0, "refuse"), (S, "accept")), every_ns=2 * S)
    assert listens(script) == [
        (0, Listen(port=80)),
        (0, Listen(port=82, modes=Schedule(entries=((0, "send"),)), banner=b"hi", backlog=0)),
        (0, Listen(port=83, modes=windows, service=HttpService())),
    ]


def http(*routes: str) -> str:
    return f"{{ports: [{{port: 80, http: {{routes: [{', '.join(routes)}]}}}}]}}"


def health(text: str) -> str:
    return f"{{ports: [{{port: 80, grpc: {{health: {text}}}}}]}}"


def tcp(text: str, besides: str = "") -> str:
    return f"{{ports: [{{port: 80, tcp: {text}{besides}}}]}}"


SERVICE_MISTAKES = [
    (
        "{ports: [{port: 80, htp: {}}]}",
        "f.yaml:5:47: $.spec.programs['/x'].script.ports[0]: unknown field 'htp', did you mean 'http'?",
    ),
    (
        http("{path: /a, stauts: 200}"),
        "f.yaml:5:74: $.spec.programs['/x'].script.ports[0].http.routes[0]: unknown field 'stauts', did you mean 'st",
    ),
    (http("{status: 200}"), "http.routes[0]: a route needs either a path or a prefix"),
    (http("{path: /a, prefix: /b}"), "http.routes[0]: a route needs either a path or a prefix"),
    (http("{path: a}"), "routes[0].path: 'a' is no path of a request; expected e.g. /healthz, without a query"),
    (http("{prefix: '/a?b'}"), "routes[0].prefix: '/a?b' is no path of a request"),
    (http("{path: /a}", "{path: /a}"), "http.routes[1]: takes what routes[0] takes already"),
    (http("{path: /a, methods: [GET]}", "{path: /a, methods: [HEAD]}"), "routes[1]: takes what routes[0] takes"),
    (http("{path: /a, methods: [get]}"), "routes[0].methods[0]: 'get' is no method; expected e.g. GET"),
    (http("{path: /a, status: 100}"), "routes[0].status: 100 is out of range; expected at least 200"),
    (http("{path: /a, status: 204, body: x}"), "routes[0].status: an answer with status 204 has no body"),
    (http("{path: /a, body: x, file: /b}"), "routes[0]: an answer has one of body, file and redirect"),
    (http("{path: /a, file: ''}"), "routes[0].file: '' is no path; expected e.g. /srv/page.html"),
    (
        http("{path: /a, redirect: /b, status: 200}"),
        "routes[0].status: status 200 is no redirect; expected one of 301, 302,",
    ),
    (http('{path: /a, redirect: "/b\\n"}'), "routes[0].redirect: '/b\\n' is no location"),
    (http("{path: /a, headers: {'X Y': z}}"), "routes[0].headers['X Y']: 'X Y' is no name of a header"),
    (http('{path: /a, headers: {X: "a\\r\\nY: b"}}'), "headers.X: 'a\\r\\nY: b' is no value of a header"),
    (http("{path: /a, headers: {Content-Length: '5'}}"), "Content-Length is the server's own to say; leave it out"),
    (http("{path: /a, headers: {Connection: upgrade}}"), "Connection is the server's own to say"),
    (http("{path: /a, delay: 1}"), "routes[0].delay: found the number 1; expected a string"),
    (http("{path: /a, fail: hangs}"), "routes[0].fail: unknown value 'hangs', did you mean 'hang'?"),
    (http("{path: /a, fail: hang, status: 200}"), "routes[0].status: status beside fail, which answers nothing"),
    (http("{path: /a, every: 1m}"), "routes[0].every: every without a schedule; add a schedule, or leave every out"),
    (http("{path: /a, schedule: [{status: 200}]}"), "routes[0].schedule[0]: missing required field 'from'"),
    (http("{path: /a, schedule: [{from: 1s}]}"), "schedule[0].from: the first entry is from 1s; expected 0s"),
    (
        http("{path: /a, schedule: [{from: 0s}, {from: 2s}, {from: 2s}]}"),
        "schedule[2].from: 2s is not after the entry before; sort the entries by time",
    ),
    (
        http("{path: /a, schedule: [{from: 0s}, {from: 2s}], every: 2s}"),
        "routes[0].every: it begins again after 2s, before its last entry",
    ),
    (http("{path: /a, schedule: [{from: 0s}], every: 0s}"), "routes[0].every: 0s is shorter than 1ms"),
    (
        http("{path: /a, status: 200, schedule: [{from: 0s}]}"),
        "routes[0].status: status beside a schedule; say it in each entry of schedule",
    ),
    (http("{path: /a, delay: 1s, sequence: [{times: 1}]}"), "routes[0].delay: delay beside a sequence"),
    (http("{path: /a, sequence: [{times: 0}]}"), "sequence[0].times: 0 is out of range; expected at least 1"),
    (http("{path: /a, sequence: [{times: 1}], every: 1m}"), "routes[0].every: every without a schedule; a sequence"),
    (
        http("{path: /a, sequence: [{times: 1}], schedule: [{from: 0s}]}"),
        "routes[0]: a schedule beside a sequence; keep one of them",
    ),
    (tcp("{mode: refused}"), "ports[0].tcp.mode: unknown value 'refused', did you mean 'refuse'?"),
    (tcp("{mode: echo, schedule: [{from: 0s, mode: echo}]}"), "tcp.mode: a mode beside a schedule; keep one of them"),
    (tcp("{mode: send}"), "tcp.text: the mode send and a text to send belong together; give both, or none of them"),
    (tcp("{text: hi}"), "tcp.text: the mode send and a text to send belong together"),
    (tcp("{backlog: 5000}"), "tcp.backlog: 5000 is out of range; expected at most 4096"),
    (tcp("{schedule: [{from: 5s, mode: refuse}]}"), "tcp.schedule[0].from: the first entry is from 5s; expected 0s"),
    (
        tcp("{schedule: [{from: 0s, mode: refuse}, {from: 1s, mode: echo}]}", ", http: {}"),
        "tcp.schedule[1].mode: echo beside a service, which answers itself; expected one of accept, close, reset,",
    ),
    (health("{db: SERVNG}"), "grpc.health.db: unknown value 'SERVNG', did you mean 'SERVING'?"),
    (health("{db: {schedule: []}}"), "grpc.health.db.schedule: the list is too short; expected at least 1 entries"),
    (health("{db: {status: SERVING}}"), "grpc.health.db: unknown field 'status'"),
    (
        health("{db: {schedule: [{from: 0s, status: SERVING}], every: 1us}}"),
        "grpc.health.db.every: 1us is shorter than 1ms",
    ),
    (health("{db: {schedule: [{from: 1m, status: SERVING}]}}"), "db.schedule[0].from: the first entry is from 1m"),
    ("{ports: [{port: 80, http: {}, grpc: {}}]}", "ports[0]: http beside grpc; give each a port of its own"),
    (tcp("{mode: echo}", ", http: {}"), "tcp.mode: echo beside a service, which answers itself"),
]
"""Scripts, and what is said about them."""


@pytest.mark.parametrize(("script", "message"), SERVICE_MISTAKES)
def test_a_wrong_service_is_named_with_its_place(script: str, message: str) -> None:
    assert message in refusal(script)
