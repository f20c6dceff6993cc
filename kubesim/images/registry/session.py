"""A conversation with the registries of one repository: whom to ask, again or not, and as whom.

Rule 1: endpoints are asked in order. What a mirror cannot give, for whatever reason, the next one is asked for; only
the last, the registry itself, is asked again when a failure may pass.
Rule 2: a redirection is followed a few times, over HTTP only; the authorization stays with the host it was for.
Rule 3: a transfer that breaks goes on where it broke.

Mirrors containerd: core/remotes/docker/resolver.go, Resolve, retryRequest and NewHTTPFallback; fetcher.go, open.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urljoin

from kubesim.images.registry.connection import Answer, requested
from kubesim.images.registry.errors import Failure, RequestFailed, refusal_text
from kubesim.images.registry.patience import Patience, Stop
from kubesim.images.registry.settings import RegistrySettings
from kubesim.images.registry.tokens import TOKEN_BYTES_MAX, Authorizer, LoginSource
from kubesim.policy.image_reference import Reference
from kubesim.policy.registry_endpoints import (
    Endpoint,
    InvalidUrl,
    endpoint_of_url,
    endpoints,
    is_local,
    is_same_host,
)
from kubesim.policy.registry_retry import PROGRESS_BYTES, is_retried_status, parse_retry_after, retry_delay_seconds
from kubesim.policy.registry_words import RegistryAnswer

T = TypeVar("T")

USER_AGENT = "kubesim"
REDIRECTS_MAX = 10
CHALLENGES_MAX = 2
"""Answers to 401 in one request: the first, and one more for a token that has run out."""

DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
"""Mirrors opencontainers/distribution-spec: spec.md, which has registries take manifests of 4 MiB."""

_ERROR_BYTES_MAX = 64 * 1024
_MESSAGE_LENGTH_MAX = 200
_CHUNK_BYTES = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(?:\d{1,19}|\*)")


class Session:
    """What is asked of the registries of one reference. Threads may share it."""

    def __init__(
        self,
        reference: Reference,
        settings: RegistrySettings,
        logins: LoginSource,
        *,
        patience: Patience,
        stop: Stop,
    ) -> None:
        """Raises RequestFailed when the reference leads to no host."""
        self._repository = reference.path
        self._rules = settings.hosts
        self._patience = patience
        self._stop = stop
        try:
            self._endpoints = endpoints(reference.domain, settings.hosts)
        except InvalidUrl as error:
            raise RequestFailed(Failure(kind="malformed", what=str(error))) from error
        self._plain: set[str] = set()  # hosts that have turned out to speak no TLS
        self._authorizer = Authorizer(self._ask_for_token, logins, settings.hosts, repository=reference.path)

    def manifest(self, name: str, accept: str) -> tuple[bytes, Answer]:
        """The bytes of a manifest by tag or digest, and the answer's header. Raises RequestFailed."""

        def read(endpoint: Endpoint) -> tuple[bytes, Answer]:
            with self._asked(endpoint, "manifests", name, {"Accept": accept}) as answer:
                self._check(answer, expected=(200,))
                content = answer.read_document(bytes_max=DOCUMENT_BYTES_MAX, seconds=self._patience.document_seconds)
                return content, answer

        failures: list[RequestFailed] = []
        for number, endpoint in enumerate(self._endpoints):
            try:
                return self._tried(endpoint, read, is_last=number == len(self._endpoints) - 1)
            except RequestFailed as error:
                failures.append(error)
                self._raise_final(error)
        raise _with_mirrors(failures)

    def blob(self, digest: str, size_bytes: int) -> Iterator[bytes]:
        """The bytes of a blob, which are `size_bytes`. Raises RequestFailed."""
        offset = 0
        failures: list[RequestFailed] = []
        for number, endpoint in enumerate(self._endpoints):
            failures_count = 0
            mark = offset
            while offset < size_bytes or not size_bytes:
                try:
                    with self._asked(endpoint, "blobs", digest, _range(offset)) as answer:
                        for chunk in self._body(answer, offset, size_bytes):
                            offset += len(chunk)
                            yield chunk
                        return
                except RequestFailed as error:
                    if self._falls_back(endpoint, error):
                        continue
                    failures_count = 1 if offset - mark >= PROGRESS_BYTES else failures_count + 1
                    mark = offset
                    if not self._waits(error, failures_count, is_last=number == len(self._endpoints) - 1):
                        failures.append(error)
                        self._raise_final(error)
                        break
        raise _with_mirrors(failures)

    # -- one answer -----------------------------------------------------------------------------------------

    def _body(self, answer: Answer, offset: int, size_bytes: int) -> Iterator[bytes]:
        """The bytes from `offset` on."""
        if offset and answer.status == 206:
            _check_range(answer, offset)
        else:
            self._check(answer, expected=(200,))
        to_skip = offset if answer.status == 200 else 0  # a server that knows no ranges begins anew
        left = size_bytes - offset
        length = answer.length
        if length is not None and length != left + to_skip:
            raise _size_mismatch(answer, size_bytes, f"{length + offset - to_skip}")
        # A body in chunks has their lengths beside it.
        answer.limit(2 * (left + to_skip) + DOCUMENT_BYTES_MAX)
        answer.allow(self._patience.stall_seconds)
        window = 0
        while chunk := answer.read(_CHUNK_BYTES):
            window += len(chunk)
            if window >= self._patience.stall_bytes:
                answer.allow(self._patience.stall_seconds)
                window = 0
            skipped = min(to_skip, len(chunk))
            to_skip -= skipped
            chunk = chunk[skipped:]
            left -= len(chunk)
            if left < 0:
                raise _size_mismatch(answer, size_bytes, "more")
            if chunk:
                yield chunk
        if left:
            raise _size_mismatch(answer, size_bytes, str(size_bytes - left))

    @contextlib.contextmanager
    def _asked(self, endpoint: Endpoint, kind: str, name: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer of one endpoint, authorized as it wants it."""
        if endpoint.host in self._plain:
            endpoint = endpoint.without_tls
        url = endpoint.url(self._repository, kind, name)
        for number in range(CHALLENGES_MAX + 1):
            presented = self._authorizer.header(endpoint)
            with self._followed(endpoint, url, headers, authorization=presented) as answer:
                if answer.status != 401 or not is_same_host(answer.url, url):
                    yield answer
                    return
                is_ready = number < CHALLENGES_MAX and self._authorizer.answer(endpoint, answer, presented=presented)
                if not is_ready:
                    raise RequestFailed(self._authorizer.refused(endpoint, answer, self._said(answer)))

    @contextlib.contextmanager
    def _followed(
        self, endpoint: Endpoint, url: str, headers: Mapping[str, str], *, authorization: str
    ) -> Iterator[Answer]:
        """The answer behind the redirections."""
        for _ in range(REDIRECTS_MAX + 1):
            sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
            if authorization:
                sent["Authorization"] = authorization
            with requested(endpoint, "GET", url, headers=sent, patience=self._patience, stop=self._stop) as answer:
                location = answer.header("Location") if answer.status in _REDIRECTS else None
                if location is None:
                    yield answer
                    return
            before, url = url, urljoin(url, location.strip())
            endpoint, is_same = self._redirected(endpoint, before, url)
            if not is_same:
                authorization = ""
        what = f"{url}: redirected more than {REDIRECTS_MAX} times"
        raise RequestFailed(Failure(kind="redirects", what=what, method="GET", url=url))

    def _redirected(self, endpoint: Endpoint, before: str, url: str) -> tuple[Endpoint, bool]:
        """How the server is spoken to that `before` sends to, and whether it is the same one."""
        try:
            if is_same_host(before, url):
                return endpoint, True
            found = endpoint_of_url(url, self._rules)
        except InvalidUrl as error:
            what = f"{before}: redirected to {url[:_MESSAGE_LENGTH_MAX]!r}: {error}"
            raise RequestFailed(Failure(kind="redirects", what=what, method="GET", url=before)) from error
        rules = self._rules.get(found.host)
        if found.is_plain and not (endpoint.is_plain or is_local(found.host) or (rules and rules.is_insecure)):
            what = f"{before}: redirected to {url[:_MESSAGE_LENGTH_MAX]}, which is without TLS"
            hint = f"say insecure: true for {found.host} if that is meant"
            raise RequestFailed(Failure(kind="redirects", what=what, hint=hint, method="GET", url=before))
        return found, False

    def _check(self, answer: Answer, *, expected: tuple[int, ...]) -> None:
        if answer.status in expected:
            encoding = (answer.header("Content-Encoding") or "identity").strip().lower()
            if encoding != "identity":
                what = f"{answer.url}: sent with Content-Encoding {encoding[:40]!r}, which nobody asked for"
                raise RequestFailed(Failure(kind="malformed", what=what, method=answer.method, url=answer.url))
            return
        said = self._said(answer)
        failure = Failure(
            kind="not-found" if answer.status == 404 else "unauthorized" if answer.status in (401, 403) else "status",
            what=refusal_text(answer.url, said),
            method=answer.method,
            url=answer.url,
            answer=said,
        )
        wait = parse_retry_after(answer.header("Retry-After"), date=answer.header("Date"))
        raise RequestFailed(failure, retry_after_seconds=wait, may_pass=is_retried_status(answer.status))

    def _said(self, answer: Answer) -> RegistryAnswer:
        """What a registry says about a failure; what cannot be read, the status says.

        Formats: opencontainers/distribution-spec: spec.md, Error Codes.
        """
        found = RegistryAnswer(status=answer.status, reason=answer.reason)
        try:
            content = answer.read_document(bytes_max=_ERROR_BYTES_MAX, seconds=self._patience.answer_seconds)
        except RequestFailed:
            return found
        try:
            first = json.loads(content)["errors"][0]
            code, message = first["code"], first.get("message", "")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return replace(found, body=_printable(content.decode(errors="replace")))
        has_detail = first.get("detail") is not None
        return replace(found, code=_printable(code), message=_printable(message), has_detail=has_detail)

    def _ask_for_token(
        self, endpoint: Endpoint, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[RegistryAnswer, bytes]:
        def ask(endpoint: Endpoint) -> tuple[RegistryAnswer, bytes]:
            sent = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity", **headers}
            with requested(
                endpoint, method, url, headers=sent, body=body, patience=self._patience, stop=self._stop
            ) as answer:
                if answer.status != 200:
                    if is_retried_status(answer.status):
                        self._check(answer, expected=())
                    return self._said(answer), b""
                content = answer.read_document(bytes_max=TOKEN_BYTES_MAX, seconds=self._patience.document_seconds)
                return RegistryAnswer(status=answer.status), content

        try:
            return self._tried(endpoint, ask, is_last=True)
        except RequestFailed as error:
            is_refusal = error.failure.answer is not None
            error.failure = replace(error.failure, what=f"no token: {error.failure.what}", is_token_service=is_refusal)
            raise

    # -- again or not ---------------------------------------------------------------------------------------

    def _tried(self, endpoint: Endpoint, work: Callable[[Endpoint], T], *, is_last: bool) -> T:
        failures_count = 0
        while True:
            try:
                return work(endpoint)
            except RequestFailed as error:
                if self._falls_back(endpoint, error):
                    continue
                failures_count += 1
                if not self._waits(error, failures_count, is_last=is_last):
                    raise

    def _falls_back(self, endpoint: Endpoint, error: RequestFailed) -> bool:
        """Whether the same is to be tried without TLS. Mirrors containerd: resolver.go, isTLSError and isPortError."""
        failure = error.failure
        # Another thread may have found it out while this one still tried with TLS.
        if not endpoint.may_fall_back or not failure.url.startswith(f"https://{endpoint.host}/"):
            return False
        if failure.cause != "no-tls" and not (failure.cause == "refused" and not endpoint.has_port):
            return False
        self._plain.add(endpoint.host)
        return True

    def _waits(self, error: RequestFailed, failures_count: int, *, is_last: bool) -> bool:
        """Wait until the next try is due; False when there is to be none."""
        self._raise_final(error)
        if not error.may_pass or not is_last:
            return False
        delay = retry_delay_seconds(failures_count, retry_after_seconds=error.retry_after_seconds)
        if delay is None:
            return False
        self._patience.sleep(delay)
        return True

    def _raise_final(self, error: RequestFailed) -> None:
        """Raise what no other server can make good."""
        if self._stop.is_set:
            raise RequestFailed(Failure(kind="stopped", what="stopped")) from error
        if error.failure.kind == "storage":
            raise error


def _printable(text: object) -> str:
    """A text of a server as one short line."""
    return "".join(one if one.isprintable() else " " for one in str(text)[:_MESSAGE_LENGTH_MAX]).strip()


def _range(offset: int) -> dict[str, str]:
    return {"Range": f"bytes={offset}-"} if offset else {}


def _check_range(answer: Answer, offset: int) -> None:
    text = answer.header("Content-Range") or ""
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None or int(match[1]) != offset:
        what = f"{answer.url}: the rest from byte {offset} was asked for, and {text[:80]!r} came"
        raise RequestFailed(Failure(kind="malformed", what=what, method=answer.method, url=answer.url))


def _size_mismatch(answer: Answer, size_bytes: int, found: str) -> RequestFailed:
    return RequestFailed(
        Failure(
            kind="size-mismatch",
            what=f"{answer.url}: {found} bytes, where the manifest says {size_bytes}",
            method=answer.method,
            url=answer.url,
            expected=str(size_bytes),
            found=found,
        )
    )


def _with_mirrors(failures: list[RequestFailed]) -> RequestFailed:
    """The registry's own failure, with those of its mirrors behind it."""
    *mirrors, own = failures
    if not mirrors:
        return own
    said = "; ".join(f"mirror: {error.failure.what}" for error in mirrors)
    failure = replace(own.failure, what=f"{own.failure.what}; {said}")
    return RequestFailed(failure)
