"""As much of a client of kube-apiserver as a recording needs: requests with a token, and watches."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

SECONDS_MAX = 30
STRATEGIC_MERGE = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server refused a request, in its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Change(NamedTuple):
    """One event of a watch: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    object: dict[str, Any]


class ApiClient:
    """Safe to share between threads: every request has a connection of its own."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        # The server made its certificate a moment ago; nobody signed it.
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def text(self, path: str) -> str:
        """What a path answers. Raises ApiError, and OSError while the server is not there."""
        with self._open("GET", path, timeout_seconds=SECONDS_MAX) as answer:
            return answer.read().decode()

    def get(self, path: str) -> dict[str, Any]:
        return self._object("GET", path)

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("POST", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._object("PATCH", path, body)

    def delete(self, path: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._object("DELETE", path, options)

    def watch(self, path: str) -> Iterator[Change]:
        """The changes of a collection, from its present state on, until the server ends the connection."""
        with self._open("GET", f"{path}?watch=true&timeoutSeconds=86400", timeout_seconds=None) as lines:
            for line in lines:
                change = json.loads(line)
                yield Change(change["type"], change["object"])

    def _object(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with self._open(method, path, body, timeout_seconds=SECONDS_MAX) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def _open(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_seconds: float | None
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        headers["Content-Type"] = STRATEGIC_MERGE if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - our own URL
        try:
            answer: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310 - likewise
                request, timeout=timeout_seconds, context=self._tls
            )
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError):
                message = text
            raise ApiError(error.code, message) from None
        return answer
