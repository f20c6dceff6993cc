"""The HTTP requests of probes and lifecycle hooks: address, headers, redirects, and what an answer means.

Mirrors kubelet: pkg/probe/util.go (ResolveContainerPort), pkg/probe/http/request.go, pkg/probe/http/http.go
(DoHTTPProbe, RedirectChecker), and Go: net/http/client.go (Client.do, refererForURL), net/url/url.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes, urljoin, urlsplit

from kubesim.model.frozen_records import replace
from kubesim.policy.go_quote import go_quote
from kubesim.policy.probe_outcome import OUTPUT_BYTES_MAX, ProbeOutcome, ProbeVerdict, failed

REDIRECTS_MAX = 10
PORT_MAX = 65535

Headers = tuple[tuple[str, str], ...]

_REDIRECT_CODES = (301, 302, 303, 307, 308)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH_AS_WRITTEN = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/%]*")
_PATH_SAFE = "-_.~$&+,/:;=@"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class PortError(Exception):
    """A port that cannot be resolved; the text is the kubelet's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One GET. `host` and `port` are where to connect, `target` is the path with its query, `fragment` stays here.

    `host_header` is what the request says; headers are in the order in which Go writes them.
    """

    scheme: str
    host: str
    port: int
    has_port: bool = True
    target: str
    fragment: str = ""
    host_header: str
    headers: Headers = ()

    @property
    def authority(self) -> str:
        """host:port as the URL has it, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.has_port else host

    @property
    def url(self) -> str:
        """The URL as Go prints it."""
        return f"{self.scheme}://{self.authority}{self.target}{self.fragment and '#' + self.fragment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What a server answered. `error` is why the body broke off."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    error: str = ""

    def header(self, name: str) -> str:
        """The first value of a header, empty without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def resolve_port(port: int | str, named: Mapping[str, int]) -> int:
    """The number of a port; `named` are the container's ports by name, the first of each. Raises PortError."""
    if isinstance(port, str):
        number = named.get(port)
        if number is None:
            if re.fullmatch(r"[+-]?[0-9]+", port) is None:
                raise PortError(f"strconv.Atoi: parsing {go_quote(port)}: invalid syntax")
            number = int(port)
    else:
        number = port
    if not 0 < number <= PORT_MAX:
        raise PortError(f"invalid port number: {number}")
    return number


def http_request(
    *, scheme: str, host: str, port: int, path: str, headers: Sequence[tuple[str, str]], agent: str
) -> HttpRequest:
    """The request of an httpGet action. `agent` is the User-Agent unless the action has one of its own."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(_canonical(name), []).append(value)
    found.setdefault("User-Agent", [agent])
    accept = found.setdefault("Accept", ["*/*"])
    if not accept[0]:
        del found["Accept"]
    target, fragment = _target_of(path)
    request = HttpRequest(
        scheme=(scheme or "http").lower(), host=host, port=port, target=target, fragment=fragment, host_header=""
    )
    return replace(
        request,
        host_header=found.pop("Host", [""])[0] or request.authority,
        headers=_in_order(found),
    )


def redirected(request: HttpRequest, answer: HttpAnswer) -> HttpRequest | None:
    """The request that follows a redirect; None for an answer that is none, or says not where.

    Raises ValueError for a Location that is no address, with Go's words.
    """
    location = answer.header("Location")
    if answer.status not in _REDIRECT_CODES or not location:
        return None
    problem = _url_problem(location)
    if problem:
        raise ValueError(f"failed to parse Location header {go_quote(location)}: {problem}")
    parts = urlsplit(urljoin(request.url, location))
    is_relative = not urlsplit(location).scheme
    scheme = parts.scheme.lower()
    try:
        port = parts.port
    except ValueError:
        bad = f"parse {go_quote(location)}: invalid port {go_quote(':' + parts.netloc.rpartition(':')[2])} after host"
        raise ValueError(f"failed to parse Location header {go_quote(location)}: {bad}") from None
    path = parts.path or "/"
    follow = HttpRequest(
        scheme=scheme,
        host=parts.hostname or "",
        port=port or _DEFAULT_PORTS.get(scheme, 0),
        has_port=port is not None,
        target=f"{path}?{parts.query}" if parts.query else path,
        fragment=parts.fragment,
        host_header="",
    )
    keeps_host = is_relative and request.host_header != request.authority
    headers = [(name, value) for name, value in request.headers if name != "Referer"]
    if not (request.scheme == "https" and scheme == "http"):
        headers.append(("Referer", request.url))
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name, []).append(value)
    return replace(
        follow,
        host_header=request.host_header if keeps_host else follow.authority,
        headers=_in_order(grouped),
    )


def http_outcome(answer: HttpAnswer) -> ProbeOutcome:
    """What an answer means to a probe. A redirect is one to another host, or to nowhere: others were followed."""
    if answer.error:
        return ProbeOutcome(verdict=ProbeVerdict.FAILURE, error=answer.error)
    if not 200 <= answer.status < 400:
        # The kubelet keeps the body out of the event on purpose.
        return failed(f"HTTP probe failed with statuscode: {answer.status}")
    body = answer.body[:OUTPUT_BYTES_MAX].decode(errors="replace")
    if answer.status >= 300:
        return ProbeOutcome(verdict=ProbeVerdict.WARNING, output=f"Probe terminated redirects, Response body: {body}")
    return ProbeOutcome(verdict=ProbeVerdict.SUCCESS, output=body)


def go_get_error(url: str, reason: str) -> str:
    """A GET that failed, as Go's http.Client says it."""
    return f"Get {go_quote(url)}: {reason}"


def _canonical(name: str) -> str:
    """A header's name as Go writes it. Mirrors Go: net/textproto/header.go, CanonicalMIMEHeaderKey."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def _in_order(headers: Mapping[str, Sequence[str]]) -> Headers:
    """User-Agent first, unless it is empty, then by name. Mirrors Go: net/http/request.go, Request.write."""
    agents = [("User-Agent", headers["User-Agent"][0])] if headers.get("User-Agent", [""])[0] else []
    rest = [(name, value) for name in sorted(headers) if name != "User-Agent" for value in headers[name]]
    return (*agents, *rest)


def _target_of(path: str) -> tuple[str, str]:
    """A written path as target and fragment; one that is no URL at all is taken as a path, whatever is in it."""
    if _url_problem(path):
        return _rooted(quote_from_bytes(path.encode(), safe=_PATH_SAFE)), ""
    before, _, fragment = path.partition("#")
    location, mark, query = before.partition("?")
    if "://" in location or location.startswith("//"):
        # A whole address: only its path counts, the scheme and the host are the action's.
        location = "/" + location.partition("//")[2].partition("/")[2]
    if not _PATH_AS_WRITTEN.fullmatch(location):
        location = quote_from_bytes(unquote_to_bytes(location), safe=_PATH_SAFE)
    return _rooted(location) + mark + query, fragment


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _url_problem(text: str) -> str:
    """Why a text is no URL, empty when it is one. Mirrors Go: net/url/url.go, parse, Error and EscapeError."""
    if _CONTROL.search(text):
        return f"parse {go_quote(text)}: net/url: invalid control character in URL"
    found = _BAD_ESCAPE.search(text.partition("#")[0].partition("?")[0])
    if found is not None:
        return f"parse {go_quote(text)}: invalid URL escape {go_quote(text[found.start() : found.start() + 3])}"
    return ""
