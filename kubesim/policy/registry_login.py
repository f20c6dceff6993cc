"""What a runtime presents to a registry, from the auth of a PullImage request.

Mirrors containerd: internal/cri/server/images/image_pull.go, ParseAuth; CRI-O: server/image_pull.go, PullImage and
decodeDockerAuth; Go: net/url/url.go, Parse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from kubesim.errors import KubesimError
from kubesim.policy.go_base64 import InvalidBase64, go_base64_decode
from kubesim.policy.go_quote import go_quote

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


class InvalidLogin(KubesimError):
    """The request's auth cannot be read. `str(error)` is the runtime's message."""


class Login(NamedTuple):
    """A name and a secret; both empty: anonymous."""

    username: str = ""
    password: str = ""


ANONYMOUS = Login()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFields:
    """The fields of AuthConfig that a runtime looks at; none looks at the registry token."""

    username: str = ""
    password: str = ""
    auth: str = ""
    """Base64 of `user:password`."""
    server_address: str = ""
    identity_token: str = ""


def registry_host(domain: str) -> str:
    """The host that serves the images of a domain.

    Mirrors containerd: core/remotes/docker/config/hosts.go, ConfigureHosts.
    """
    return "registry-1.docker.io" if domain == "docker.io" else domain


def login_for_host(fields: LoginFields, host: str) -> Login:
    """What containerd presents to `host`, once that asks for it.

    Raises:
        InvalidLogin: with containerd's message.
    """
    if fields.server_address and go_url_host(fields.server_address) != host:
        return ANONYMOUS
    if fields.username:
        return Login(fields.username, fields.password)
    if fields.identity_token:
        return Login("", fields.identity_token)
    if not fields.auth:
        return ANONYMOUS
    decoded = _decoded(fields.auth)
    username, colon, password = decoded.partition(":")
    if not colon:
        # The buffer is as long as the text could have made it, and is printed as a whole.
        room = len(fields.auth) // 4 * 3 - len(decoded.encode("utf-8", "surrogateescape"))
        raise InvalidLogin(f"invalid decoded auth: {go_quote(decoded + chr(0) * room)}")
    return Login(username, password.strip("\0"))


def login_for_any_host(fields: LoginFields) -> Login:
    """What CRI-O presents, wherever the image is: the server address and the identity token are not looked at.

    Raises:
        InvalidLogin: with CRI-O's message.
    """
    if not fields.auth:
        return Login(fields.username, fields.password) if fields.username else ANONYMOUS
    username, colon, password = _decoded(fields.auth).partition(":")
    return Login(username, password.strip("\0")) if colon and username else ANONYMOUS


def go_url_host(text: str) -> str:
    """The host of a URL, with its port; "" for a text without one, such as a bare host name.

    Raises:
        InvalidLogin: the text is no URL; with containerd's message.
    """
    rest = text.partition("#")[0]
    if rest.startswith(":"):
        raise _no_url(text, "missing protocol scheme")
    scheme = _SCHEME.match(rest)
    rest = (rest[scheme.end() :] if scheme else rest).partition("?")[0]
    if not rest.startswith("/"):
        if scheme is None and ":" in rest.partition("/")[0]:
            raise _no_url(text, "first path segment in URL cannot contain colon")
        return ""
    if not rest.startswith("//") or (scheme is None and rest.startswith("///")):
        return ""
    return rest[2:].partition("/")[0].rpartition("@")[2]


def _decoded(auth: str) -> str:
    try:
        return go_base64_decode(auth).decode("utf-8", "surrogateescape")
    except InvalidBase64 as error:
        raise InvalidLogin(str(error)) from error


def _no_url(text: str, reason: str) -> InvalidLogin:
    return InvalidLogin(f"parse server address: parse {go_quote(text)}: {reason}")
