"""Where the content of a repository is asked for: its mirrors in order, then the registry itself, and how each is
spoken to.

Mirrors containerd: core/remotes/docker/config/hosts.go, ConfigureHosts and parseHostConfig; core/remotes/docker/
registry.go, isProxy; docs/hosts.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from kubesim.errors import KubesimError
from kubesim.model.frozen_records import replace
from kubesim.policy.registry_login import registry_host

API_ROOT = "/v2"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class InvalidUrl(KubesimError):
    """The text is no URL of a registry. `str(error)` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRules:
    """What the settings say about one registry or mirror, by the host that names it."""

    mirrors: tuple[str, ...] = ()
    """URLs that are asked first, in order. Of a host that is a mirror itself they are not looked at."""
    is_insecure: bool = False
    """Certificates are not verified, and a server without TLS is spoken to without it."""
    ca_file: str = ""
    """PEM certificates that are trusted besides those of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server, and how it is spoken to."""

    scheme: str
    host: str
    """As in a URL: with its port where that is not the scheme's."""
    path: str = API_ROOT
    verifies: bool = True
    ca_file: str = ""
    namespace: str = ""
    """The registry whose content a mirror is asked for; "" for the registry itself."""
    may_fall_back: bool = False
    """Whether a server that turns out to speak no TLS is asked without it."""

    @property
    def address(self) -> tuple[str, int]:
        """Name and port."""
        name, port = _host_parts(self.host)
        return name, port or _DEFAULT_PORTS[self.scheme]

    @property
    def has_port(self) -> bool:
        """Whether the host says its port itself."""
        return _host_parts(self.host)[1] is not None

    @property
    def is_plain(self) -> bool:
        """Whether everybody on the way may read what is said."""
        return self.scheme == "http"

    @property
    def without_tls(self) -> Endpoint:
        """The same server, spoken to without TLS."""
        return replace(self, scheme="http", may_fall_back=False)

    def url(self, repository: str, kind: str, name: str) -> str:
        """The URL of a manifest or blob: `kind` is `manifests` or `blobs`, `name` a tag or digest.

        A mirror is told whose repository is meant, as containerd tells it.
        """
        query = f"?{urlencode({'ns': self.namespace})}" if self.namespace else ""
        return f"{self.scheme}://{self.host}{self.path}/{repository}/{kind}/{quote(name, safe=':')}{query}"


def endpoints(domain: str, rules: Mapping[str, HostRules]) -> tuple[Endpoint, ...]:
    """Whom to ask for the images of a domain such as `docker.io`, in order. `rules` are by host.

    Raises:
        InvalidUrl: a mirror's URL is none, or the domain can be no host.
    """
    own = rules.get(domain) or HostRules()
    mirrors = [_mirror(url, domain, rules) for url in own.mirrors]
    return (*mirrors, endpoint("https", registry_host(domain), own))


def endpoint(scheme: str, host: str, rules: HostRules) -> Endpoint:
    """How a host is spoken to. One of this machine is not verified, and on a port that says nothing may lack TLS."""
    port = _host_parts(host)[1]
    is_lax = rules.is_insecure or (is_local(host) and not rules.ca_file)
    # Without a port, and on 443, what answers is meant to speak TLS; on 80 it is meant not to.
    if is_lax and port == 80:
        scheme = "http"
    return Endpoint(
        scheme=scheme,
        host=host,
        verifies=not is_lax,
        ca_file=rules.ca_file,
        may_fall_back=scheme == "https" and is_lax and (rules.is_insecure or port not in (None, 443)),
    )


def endpoint_of_url(url: str, rules: Mapping[str, HostRules]) -> Endpoint:
    """How the server of a URL is spoken to: one that a registry sends to, or that gives tokens.

    Raises:
        InvalidUrl: it is no URL of HTTP.
    """
    scheme, host, path = _parts(url)
    found = endpoint(scheme, host, rules.get(host) or HostRules())
    return replace(found, scheme=scheme, path=path, may_fall_back=False)


def is_local(host: str) -> bool:
    """Whether a host, with or without a port, is this machine.

    Mirrors containerd: core/remotes/docker/resolver.go, IsLocalhost.
    """
    name = _host_parts(host)[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_host(text: str) -> bool:
    """Whether `text` can name a registry: a host, maybe with a port."""
    if any(character in "/?#@" or not "!" <= character <= "~" for character in text) or text.lower() != text:
        return False
    try:
        _host_parts(text)
    except InvalidUrl:
        return False
    return True


def check_mirror_url(url: str) -> None:
    """Check that `url` can be a mirror.

    Raises:
        InvalidUrl: it cannot.
    """
    _parts(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise InvalidUrl("it has a query or a fragment")


def is_same_host(one: str, other: str) -> bool:
    """Whether two URLs are of one server: what may be told to the one may be told to the other."""
    return _origin(one) == _origin(other)


def _mirror(url: str, domain: str, rules: Mapping[str, HostRules]) -> Endpoint:
    check_mirror_url(url)
    scheme, host, path = _parts(url)
    found = endpoint(scheme, host, rules.get(host) or HostRules())
    path = path.rstrip("/")
    return replace(
        found,
        path=path if path.endswith(API_ROOT) else path + API_ROOT,
        namespace="" if host == registry_host(domain) else domain,
    )


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, host with port, and path."""
    if any(not "!" <= character <= "~" for character in url):
        raise InvalidUrl("it has a character in it that no URL has")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidUrl(str(error)) from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise InvalidUrl(f"its scheme is {parts.scheme!r}" if parts.scheme else "it has no scheme")
    if "@" in parts.netloc:
        raise InvalidUrl("it has a user name in it")
    host = parts.netloc.lower()
    _host_parts(host)
    return parts.scheme, host, parts.path


def _host_parts(host: str) -> tuple[str, int | None]:
    """Name and port of a host; without a port, None."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidUrl(f"{host!r} is no host: {error}") from error
    if not name:
        raise InvalidUrl("it has no host")
    if port == 0:
        raise InvalidUrl("no server listens on port 0")
    return name, port


def _origin(url: str) -> tuple[str, str, int]:
    scheme, host, _ = _parts(url)
    name, port = _host_parts(host)
    return scheme, name, port or _DEFAULT_PORTS[scheme]
