"""One HTTP request over one connection: bounded in time, in what it reads, and in what it believes.

Rule 1: each request has a connection of its own, which is closed when its answer has been read.
Rule 2: reading has a deadline, which whoever reads sets, and a budget: not the size of a header line counts, nor what
the server says about the length, but the bytes that come.
Rule 3: every failure leaves as RequestFailed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from kubesim.images.registry.errors import Cause, Failure, RequestFailed
from kubesim.images.registry.patience import Patience, Stop
from kubesim.policy.registry_endpoints import Endpoint

HEADER_BYTES_MAX = 128 * 1024
"""Of status line and header together, those of interim answers included."""

_READ_AHEAD_BYTES = 64 * 1024
_NS = 1_000_000_000


class DeadlineReader(io.RawIOBase):
    """The bytes of a socket until a deadline, and no more than a budget of them."""

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        super().__init__()
        self._connection = connection
        self._patience = patience
        self.deadline_ns = 0
        self.budget_bytes = HEADER_BYTES_MAX

    def readable(self) -> bool:
        """It is."""
        return True

    def allow(self, seconds: float) -> None:
        """Set the deadline to `seconds` from now."""
        self.deadline_ns = self._patience.clock_ns() + int(seconds * _NS)

    def readinto(self, buffer: Any) -> int:
        """Read what is there, waiting for something to be."""
        left_ns = self.deadline_ns - self._patience.clock_ns()
        if left_ns <= 0:
            raise TimeoutError
        self._connection.settimeout(left_ns / _NS)
        count = self._connection.recv_into(buffer)
        self.budget_bytes -= count
        if self.budget_bytes < 0:
            raise _BudgetSpent
        return count


class _BudgetSpent(Exception):
    """More came than is taken."""


class _Socket:
    """What http.client needs of a socket. It stays open until it is closed by its owner."""

    def __init__(self, connection: socket.socket, reader: DeadlineReader) -> None:
        self._connection = connection
        self._reader = reader

    def sendall(self, data: Any) -> None:
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - http.client asks for "rb"
        return io.BufferedReader(self._reader, _READ_AHEAD_BYTES)

    def close(self) -> None:
        """Nothing: http.client closes it before the answer is read."""


class Answer:
    """The answer to a request; its body has not been read yet."""

    def __init__(
        self, response: http.client.HTTPResponse, reader: DeadlineReader, *, method: str, url: str, address: str
    ) -> None:
        self._response = response
        self._reader = reader
        self._address = address
        self.method = method
        self.url = url
        self.status = response.status
        self._left = response.length
        self.reason = response.reason.strip()[:80]

    def header(self, name: str) -> str | None:
        """The value of a header; None without it."""
        return self._response.getheader(name)

    def headers(self, name: str) -> list[str]:
        """Every value of a header."""
        return self._response.headers.get_all(name) or []

    @property
    def length(self) -> int | None:
        """The length of the body, as the server says it."""
        return self._response.length

    def allow(self, seconds: float) -> None:
        """Read for so long from now."""
        self._reader.allow(seconds)

    def limit(self, bytes_max: int) -> None:
        """Take so many bytes more from the network; what is buffered is taken already."""
        self._reader.budget_bytes = bytes_max

    def read(self, size: int) -> bytes:
        """Some bytes of the body, b"" at its end. Raises RequestFailed; one that may pass when the transfer broke."""
        if self._left == 0:
            return b""  # a server that keeps the connection open would let us wait
        try:
            chunk = self._response.read1(size if self._left is None else min(size, self._left))
        except _BudgetSpent:
            raise RequestFailed(self._failure("too-large", "more came than the answer may hold")) from None
        except TimeoutError:
            failure = self._failure("too-slow", "the server does not go on", cause="timed-out")
            raise RequestFailed(failure, may_pass=True) from None
        except http.client.HTTPException as error:
            failure = self._failure("unreachable", f"the transfer broke: {_words(error)}", cause="ended")
            raise RequestFailed(failure, may_pass=True) from error
        except (OSError, ValueError) as error:
            failure = self._failure("unreachable", f"the transfer broke: {_words(error)}", cause="reset")
            raise RequestFailed(failure, may_pass=True) from error
        if self._left is not None:
            if not chunk:
                failure = self._failure("unreachable", "the connection ended before the body did", cause="ended")
                raise RequestFailed(failure, may_pass=True)
            self._left -= len(chunk)
        return chunk

    def read_document(self, *, bytes_max: int, seconds: float) -> bytes:
        """The whole of a small body. Raises RequestFailed."""
        length = self.length
        if length is not None and length > bytes_max:
            raise RequestFailed(self._failure("too-large", f"a document of {length} bytes, {bytes_max} are taken"))
        # A body in chunks has their lengths beside it.
        self.limit(2 * bytes_max + _READ_AHEAD_BYTES)
        self.allow(seconds)
        parts: list[bytes] = []
        count = 0
        while chunk := self.read(_READ_AHEAD_BYTES):
            parts.append(chunk)
            count += len(chunk)
            if count > bytes_max:
                raise RequestFailed(self._failure("too-large", f"a document of more than {bytes_max} bytes"))
        return b"".join(parts)

    def _failure(self, kind: Any, what: str, *, cause: Cause = "") -> Failure:
        what = f"{self.url}: {what}"
        return Failure(kind=kind, what=what, method=self.method, url=self.url, cause=cause, address=self._address)


@contextlib.contextmanager
def requested(
    endpoint: Endpoint,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    patience: Patience,
    stop: Stop,
) -> Iterator[Answer]:
    """The answer to a request, for as long as the block runs. `url` is one of the endpoint's. Raises RequestFailed."""
    if stop.is_set:
        raise RequestFailed(_stopped())
    with contextlib.ExitStack() as held:
        failed = _Failing(method, url)
        connection = held.enter_context(contextlib.closing(_dial(endpoint, patience, failed)))
        held.enter_context(stop.watching(connection))
        try:
            if isinstance(connection, ssl.SSLSocket):
                _shake_hands(connection, failed)
            answer = _asked(connection, endpoint, method, url, headers, body, patience, failed.address)
        except _BudgetSpent:
            what = f"more than {HEADER_BYTES_MAX} bytes of header"
            raise RequestFailed(failed.failure("too-large", what)) from None
        except TimeoutError:
            raise failed.unreachable("no-answer", "no answer in time", kind="too-slow") from None
        except http.client.RemoteDisconnected as error:
            raise failed.unreachable("ended", "the connection ended without an answer") from error
        except http.client.HTTPException as error:
            what = f"no answer that HTTP knows: {_words(error)}"
            raise RequestFailed(failed.failure("malformed", what)) from error
        except ValueError:
            # Without the words of http.client: they would show a header, and that may be a secret.
            raise RequestFailed(failed.failure("malformed", "no request of HTTP can ask for it")) from None
        except OSError as error:
            raise failed.unreachable("reset", _words(error)) from error
        yield answer


def _asked(
    connection: socket.socket,
    endpoint: Endpoint,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    patience: Patience,
    address: str,
) -> Answer:
    reader = DeadlineReader(connection, patience)
    client = http.client.HTTPConnection(*endpoint.address)
    client.sock = _Socket(connection, reader)
    target = "/" + url.partition("://")[2].partition("/")[2]
    client.request(method, target, body=body, headers={"Host": endpoint.host, "Connection": "close", **headers})
    reader.allow(patience.answer_seconds)
    return Answer(client.getresponse(), reader, method=method, url=url, address=address)


class _Failing:
    """Failures of one request."""

    def __init__(self, method: str, url: str) -> None:
        self._method = method
        self._url = url
        self.address = ""

    def failure(self, kind: Any, what: str, *, cause: Cause = "", detail: str = "", hint: str = "") -> Failure:
        return Failure(
            kind=kind,
            what=f"{self._url}: {what}",
            hint=hint,
            method=self._method,
            url=self._url,
            cause=cause,
            address=self.address,
            detail=detail,
        )

    def unreachable(
        self, cause: Cause, detail: str, *, kind: Any = "unreachable", hint: str = "", may_pass: bool = True
    ) -> RequestFailed:
        what = f"{detail} ({self.address})" if self.address else detail
        return RequestFailed(self.failure(kind, what, cause=cause, detail=detail, hint=hint), may_pass=may_pass)


def _dial(endpoint: Endpoint, patience: Patience, failed: _Failing) -> socket.socket:
    """A connection to the first address of a server that takes one; of several failures the first counts."""
    name, port = endpoint.address
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        detail = f"the name {name} leads nowhere: {_words(error)}"
        raise failed.unreachable("no-such-host", detail, may_pass=False) from error
    first: OSError | None = None
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(patience.connect_seconds)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            if first is None:
                first = error
                failed.address = _address_text(str(address[0]), int(address[1]))
            continue
        failed.address = _address_text(str(address[0]), int(address[1]))
        if endpoint.is_plain:
            return connection
        context = _context(endpoint.verifies, endpoint.ca_file)
        return context.wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False)
    if isinstance(first, ConnectionRefusedError):
        hint = "see that the registry runs"
        raise failed.unreachable("refused", "connection refused", hint=hint, may_pass=False) from first
    if isinstance(first, TimeoutError):
        raise failed.unreachable("timed-out", "no connection in time", may_pass=False) from first
    raise failed.unreachable("no-route", _words(first), may_pass=False) from first


@lru_cache(maxsize=16)
def _context(verifies: bool, ca_file: str) -> ssl.SSLContext:
    """Reading the system's certificates takes longer than the handshake that they are for."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            failure = Failure(kind="storage", what=f"{ca_file}: {_words(error)}", hint="caFile names a PEM file")
            raise RequestFailed(failure) from error
    if not verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _shake_hands(connection: ssl.SSLSocket, failed: _Failing) -> None:
    try:
        connection.do_handshake()
    except ssl.SSLCertVerificationError as error:
        unknown = error.verify_code in _UNKNOWN_AUTHORITY
        detail = f"its certificate is not trusted: {error.verify_message}"
        hint = "name its authority with caFile in --registries, or say insecure: true"
        raise failed.unreachable(
            "unknown-authority" if unknown else "certificate", detail, hint=hint, may_pass=False
        ) from error
    except ssl.SSLError as error:
        is_plain = error.reason in (
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "PACKET_LENGTH_TOO_LONG",
            "UNKNOWN_PROTOCOL",
        )
        if is_plain:
            hint = "if it is meant to speak HTTP without TLS, say insecure: true in --registries"
            raise failed.unreachable("no-tls", "it speaks no TLS", hint=hint, may_pass=False) from error
        raise failed.unreachable("tls", f"TLS failed: {_words(error)}", may_pass=False) from error
    except TimeoutError as error:
        raise failed.unreachable("timed-out", "no TLS handshake in time", may_pass=False) from error
    except OSError as error:
        raise failed.unreachable("reset", f"the connection ended during the TLS handshake: {_words(error)}") from error


_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL: x509_vfy.h, self-signed certificates and issuers that are not there."""


def _address_text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _words(error: BaseException | None) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "unknown").replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:120]}..."


def _stopped() -> Failure:
    return Failure(kind="stopped", what="stopped")
