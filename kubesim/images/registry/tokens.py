"""Saying who one is: the answers to a registry's challenges, remembered for its next requests.

Rule 1: nothing is presented before it is asked for.
Rule 2: a login goes to the host it is for, and to the token service that this host names; a secret is never sent in
the clear unless the registry itself is spoken to in the clear, or the service is on this machine.
Rule 3: a token that is refused is forgotten, and asked for anew once.

Mirrors containerd: core/remotes/docker/authorizer.go, AddResponses and doBearerAuth; distribution/distribution:
docs/content/spec/auth/token.md and oauth.md.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kubesim.images.registry.connection import Answer
from kubesim.images.registry.errors import Failure, RequestFailed, refusal_text
from kubesim.policy.docker_cli_config import HostLogin
from kubesim.policy.registry_challenge import Challenge, TokenRequest, parse_challenges, token_request
from kubesim.policy.registry_endpoints import Endpoint, HostRules, InvalidUrl, endpoint_of_url, is_local
from kubesim.policy.registry_words import RegistryAnswer

TOKEN_BYTES_MAX = 1024 * 1024
"""Of the answer of a token service. Tokens with many rights have tens of kilobytes."""

TOKEN_LENGTH_MAX = 128 * 1024

_TOKEN = re.compile(r"[!-~]+")
_POST_IS_UNKNOWN = frozenset({400, 401, 404, 405})

LoginSource = Callable[[str, str], HostLogin]
"""The login for a host and a repository on it."""


class Ask(Protocol):
    """Sends one request to a token service and reads its answer; the body is that of a 200."""

    def __call__(
        self, endpoint: Endpoint, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[RegistryAnswer, bytes]:
        """Raises RequestFailed when there is no answer."""


class Authorizer:
    """The authorizations of one pull. Threads may share it."""

    def __init__(self, ask: Ask, logins: LoginSource, rules: Mapping[str, HostRules], *, repository: str) -> None:
        self._ask = ask
        self._logins = logins
        self._rules = rules
        self._repository = repository
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}

    def header(self, endpoint: Endpoint) -> str:
        """What goes into the header Authorization for this host; "" for nothing."""
        return self._known.get(endpoint.host, "")

    def answer(self, endpoint: Endpoint, refusal: Answer, *, presented: str) -> bool:
        """Get ready for the next try after a 401; False when there is nothing more to say.

        `presented` is what the refused request had in its header. Raises RequestFailed when a token service refuses or
        fails.
        """
        with self._lock:
            known = self._known.get(endpoint.host, "")
            if known != presented:
                return bool(known)  # another thread has got it meanwhile
            challenges = parse_challenges(refusal.headers("WWW-Authenticate"))
            login = self._logins(endpoint.host, self._repository)
            for challenge in challenges:
                found = self._authorization(endpoint, challenge, login)
                if found and found != presented:
                    self._known[endpoint.host] = found
                    return True
            self._known.pop(endpoint.host, None)
            return False

    def refused(self, endpoint: Endpoint, refusal: Answer, said: RegistryAnswer) -> Failure:
        """The failure of a request that was refused for good."""
        login = self._logins(endpoint.host, self._repository)
        challenges = parse_challenges(refusal.headers("WWW-Authenticate"))
        return Failure(
            kind="unauthorized",
            what=refusal_text(refusal.url, said),
            hint=_login_hint(login, endpoint.host),
            method=refusal.method,
            url=refusal.url,
            answer=said,
            had_login=not login.is_empty,
            challenge=challenges[0].scheme if challenges else "",
            challenge_error=challenges[0].parameters.get("error", "") if challenges else "",
        )

    def _authorization(self, endpoint: Endpoint, challenge: Challenge, login: HostLogin) -> str:
        if challenge.scheme == "basic":
            return _basic(login) if login.username else ""
        if login.registry_token:
            return f"Bearer {login.registry_token}"
        wanted = token_request(challenge, repository=self._repository)
        return f"Bearer {self._token(endpoint, wanted, login)}"

    def _token(self, registry: Endpoint, wanted: TokenRequest, login: HostLogin) -> str:
        service = self._service(registry, wanted.realm, has_secret=not login.is_empty)
        if login.identity_token:
            answer, content = self._ask(
                service,
                "POST",
                wanted.realm,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                body=wanted.refresh_form(login.identity_token),
            )
            if answer.status == 200:
                return _token_of(content, wanted.realm)
            if answer.status not in _POST_IS_UNKNOWN:
                raise _not_given("POST", wanted.realm, answer, login, registry.host)
        headers = {"Authorization": _basic(login)} if not login.is_empty else {}
        answer, content = self._ask(service, "GET", wanted.get_url, headers=headers, body=None)
        if answer.status != 200:
            raise _not_given("GET", wanted.get_url, answer, login, registry.host)
        return _token_of(content, wanted.realm)

    def _service(self, registry: Endpoint, realm: str, *, has_secret: bool) -> Endpoint:
        try:
            service = endpoint_of_url(realm, self._rules)
        except InvalidUrl as error:
            what = f"{registry.host} names {realm[:200]!r} as its token service: {error}"
            raise RequestFailed(Failure(kind="malformed", what=what)) from error
        if has_secret and service.is_plain and not (registry.is_plain or is_local(service.host)):
            what = f"{registry.host} wants its login to be sent to {realm[:200]} without TLS"
            hint = f"say insecure: true for {service.host} and {registry.host} if nobody can listen"
            rules = self._rules.get(service.host)
            if rules is None or not rules.is_insecure:
                raise RequestFailed(Failure(kind="malformed", what=what, hint=hint))
        return service


def _basic(login: HostLogin) -> str:
    # An identity token goes as the password of nobody, where a service does not take it by POST.
    password = login.password if login.username else login.identity_token
    return "Basic " + base64.b64encode(f"{login.username}:{password}".encode()).decode()


def _token_of(content: bytes, realm: str) -> str:
    try:
        value: Any = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    fields = value if isinstance(value, dict) else {}
    token = fields.get("access_token") or fields.get("token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        what = f"{realm}: there is no token in the answer"
        raise RequestFailed(Failure(kind="malformed", what=what, hint="see that this is a token service"))
    if len(token) > TOKEN_LENGTH_MAX:
        what = f"{realm}: the token has {len(token)} characters, {TOKEN_LENGTH_MAX} are taken"
        raise RequestFailed(Failure(kind="too-large", what=what))
    return token


def _not_given(method: str, url: str, answer: RegistryAnswer, login: HostLogin, host: str) -> RequestFailed:
    refused = answer.status in (401, 403)
    return RequestFailed(
        Failure(
            kind="unauthorized" if refused else "status",
            what=f"no token: {refusal_text(url, answer)}",
            hint=_login_hint(login, host) if refused else "",
            method=method,
            url=url,
            answer=answer,
            had_login=not login.is_empty,
            challenge="bearer",
            is_token_service=True,
        )
    )


def _login_hint(login: HostLogin, host: str) -> str:
    if login.unusable:
        return (
            f"{login.unusable}: write auths with the login into a config.json, and name its directory in DOCKER_CONFIG"
        )
    if login.is_empty:
        return f"no login is known for {host}: add one to config.json"
    return f"see the login for {host} in config.json"
