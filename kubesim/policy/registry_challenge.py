"""What a registry wants to know of who asks: the header WWW-Authenticate, and the token request that follows from it.

Formats: RFC 9110 section 11.6.1; distribution/distribution: docs/content/spec/auth/token.md and oauth.md.
Mirrors containerd: core/remotes/docker/auth/parse.go, ParseAuthHeader; auth/fetch.go, GenerateTokenOptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID = "kubesim"

AuthScheme = Literal["bearer", "basic"]

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[^"\\]|\\.)*+)")[ \t]*(?:,[ \t,]*|$)')
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]+|$)")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One way to say who one is."""

    scheme: AuthScheme
    parameters: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case: `realm`, `service`, `scope`, `error` ..."""


def parse_challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """The challenges of the values of WWW-Authenticate, the bearer ones first; schemes that nobody here speaks are
    left out, and so is what follows a mistake."""
    found: list[Challenge] = []
    for header in headers:
        found.extend(_challenges(header.strip(" \t,")))
    return tuple(sorted(found, key=lambda challenge: challenge.scheme == "basic"))


def _challenges(rest: str) -> list[Challenge]:
    found: list[Challenge] = []
    while (match := _SCHEME.match(rest)) is not None:
        scheme, rest = match[1].lower(), rest[match.end() :]
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(rest)) is not None:
            name, plain, quoted = parameter.groups()
            parameters.setdefault(name.lower(), plain if quoted is None else _ESCAPE.sub(r"\1", quoted))
            rest = rest[parameter.end() :]
        if scheme == "bearer" and parameters.get("realm"):
            found.append(Challenge(scheme="bearer", parameters=parameters))
        elif scheme == "basic":
            found.append(Challenge(scheme="basic", parameters=parameters))
    return found


def pull_scope(repository: str) -> str:
    """The right to read a repository."""
    return f"repository:{repository}:pull"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """Where a bearer token is to be had, and for what."""

    realm: str
    service: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def get_url(self) -> str:
        """For GET: the realm, with what is asked for added to its query, in order of the names as Go writes one."""
        parts = urlsplit(self.realm)
        query = parse_qsl(parts.query, keep_blank_values=True)
        if self.service:
            query.append(("service", self.service))
        query += [("scope", scope) for scope in self.scopes]
        query.sort(key=lambda pair: pair[0])
        return parts._replace(query=urlencode(query), fragment="").geturl()

    def refresh_form(self, identity_token: str) -> bytes:
        """For POST: the form that changes an identity token for a token of this request."""
        form = {
            "grant_type": "refresh_token",
            "service": self.service,
            "client_id": CLIENT_ID,
            "scope": " ".join(self.scopes),
            "refresh_token": identity_token,
        }
        return urlencode(form).encode()


def token_request(challenge: Challenge, *, repository: str) -> TokenRequest:
    """What to ask for after a bearer challenge; one without a scope means the right to read the repository."""
    wanted = challenge.parameters.get("scope", "").split()
    return TokenRequest(
        realm=challenge.parameters["realm"],
        service=challenge.parameters.get("service", ""),
        scopes=tuple(dict.fromkeys(wanted or [pull_scope(repository)])),
    )
