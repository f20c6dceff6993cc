"""Which login of Docker's config.json a registry gets.

Rule 1: an entry of `auths` is for a host, with `https://`, `/v1/` or `/v2/` around it as Docker writes them; one with
a path, as podman and skopeo write them, is for the repositories below it. The longest match wins.
Rule 2: the several names of Docker Hub are one.
Rule 3: no program is ever started. A login that `credHelpers` or `credsStore` would have to fetch is no login, and
says so.

Mirrors docker/cli: cli/config/configfile/file.go, getConfiguredCredentialStore and LoadFromReader; cli/config/
credentials/file_store.go, ConvertToHostname; containers/image: pkg/docker/config/config.go, findCredentialsInFile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLogin:
    """What is presented to a host once it asks; all empty: nothing. Secrets do not show when it is printed."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """Is changed for a bearer token where tokens are given."""
    registry_token: str = field(default="", repr=False)
    """Is a bearer token itself."""
    unusable: str = ""
    """Why the login that was meant for the host cannot be had; for the message when it is missed."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to present."""
        return not (self.username or self.identity_token or self.registry_token)


NO_LOGIN = HostLogin()


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerConfig:
    """The part of config.json that is about logins."""

    auths: Mapping[str, HostLogin] = field(default_factory=dict)
    cred_helpers: Mapping[str, str] = field(default_factory=dict)
    creds_store: str = ""


NO_LOGINS = DockerConfig()


def config_login(config: DockerConfig, host: str, repository: str) -> HostLogin:
    """The login for a repository on a host, such as `library/busybox` on `registry-1.docker.io`."""
    host = _registry_name(host)
    for key, program in config.cred_helpers.items():
        if _scope(key) == host:
            return HostLogin(
                unusable=f"credHelpers has docker-credential-{program} for {host}, and kubesim starts no programs"
            )
    found = NO_LOGIN
    longest = -1
    for key, login in config.auths.items():
        scope = _scope(key)
        if len(scope) > longest and _covers(scope, f"{host}/{repository}"):
            found, longest = login, len(scope)
    if longest >= 0 and found.is_empty and config.creds_store:
        # Docker leaves an empty entry where the login itself went to the store.
        return HostLogin(
            unusable=f"credsStore keeps the login for {host} with docker-credential-{config.creds_store}, "
            "and kubesim starts no programs"
        )
    return found


def _covers(scope: str, name: str) -> bool:
    return name == scope or name.startswith(f"{scope}/")


def _scope(key: str) -> str:
    """`docker.io` of `https://index.docker.io/v1/`; `quay.io/team` as it is."""
    host, _, path = key.removeprefix("https://").removeprefix("http://").rstrip("/").partition("/")
    path = "" if path in ("v1", "v2") else path
    return f"{_registry_name(host)}/{path}".rstrip("/")


def _registry_name(host: str) -> str:
    return "docker.io" if host in _DOCKER_HUB else host
