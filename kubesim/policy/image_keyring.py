"""Which logins a kubelet presents for an image, and in which order.

A login stands for a registry, or for the repositories of it whose path begins as its own does. The longer of two
locations that match comes first; logins of one location come in the order of their secrets.

Mirrors kubelet: pkg/credentialprovider/keyring.go (BasicDockerKeyring, URLsMatch, isDefaultRegistryMatch); Go:
net/url/url.go (Parse, parseHost), net/ipsock.go (SplitHostPort) and path/filepath/match.go (Match).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from kubesim.policy.docker_config import DockerLogin

DEFAULT_REGISTRY_HOST = "index.docker.io"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USER = re.compile(r"(?:[A-Za-z0-9._:~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"-]|%[89A-Fa-f][0-9A-Fa-f]|[^\x00-\x7f])*")
_PORT = re.compile(r"(?::[0-9]*)?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class SecretSource(NamedTuple):
    """The Secret that a login is from."""

    uid: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLogin:
    """A login to try, and where it is from."""

    username: str
    password: str
    email: str
    source: SecretSource


class _Location(NamedTuple):
    host: str
    path: str

    @property
    def key(self) -> str:
        return self.host + self.path


class ImageKeyring:
    """The logins of one pod."""

    def __init__(self) -> None:
        self._logins: dict[str, list[PullLogin]] = {}

    def add(self, source: SecretSource, logins: Sequence[DockerLogin]) -> None:
        """Take the logins of a Secret; one whose location is no URL is passed over, as the kubelet only logs it."""
        for login in logins:
            location = _written_location(login.location)
            if location is not None:
                entry = PullLogin(username=login.username, password=login.password, email=login.email, source=source)
                self._logins.setdefault(location.key, []).append(entry)

    def lookup(self, repository: str) -> tuple[PullLogin, ...]:
        """The logins to try for a repository, such as `docker.io/library/busybox`; none: it is pulled anonymously."""
        image = _location(repository)
        found: list[PullLogin] = []
        for key in sorted(self._logins, key=lambda text: text.encode("utf-8", "surrogateescape"), reverse=True):
            pattern = _location(key)
            if pattern is not None and image is not None and _matches(pattern, image):
                found += self._logins[key]
        if not found and _is_of_default_registry(repository):
            found = self._logins.get(DEFAULT_REGISTRY_HOST, [])
        return tuple(found)


def _written_location(text: str) -> _Location | None:
    """The location of an entry: a scheme goes, and so does the version of Docker's own registry API."""
    has_scheme = text.startswith(("https://", "http://"))
    location = _location(text.partition("://")[2] if has_scheme else text)
    if location is None:
        return None
    host, path = location
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return _Location(host, "" if path == "/" else path)


def _location(text: str) -> _Location | None:
    """Host and path of a URL without its scheme; None when it is none."""
    text, _, fragment = text.partition("#")
    text = text.partition("?")[0]
    authority, slash, path = text.partition("/")
    user, at, host = authority.rpartition("@")
    if _CONTROL.search(text + fragment) or _BAD_ESCAPE.search(path + fragment) or (at and not _USER.fullmatch(user)):
        return None
    if host.startswith("["):
        inside, bracket, port = host.rpartition("]")
        is_host = bool(bracket) and ":" in inside
    else:
        colon = host.rfind(":")
        port = host[colon:] if colon >= 0 else ""
        is_host = "[" not in host and "]" not in host
    if not is_host or not _PORT.fullmatch(port) or not _HOST.fullmatch(host):
        return None
    return _Location(_unescaped(host), _unescaped(slash + path))


def _unescaped(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _matches(pattern: _Location, image: _Location) -> bool:
    """Whether the image lies at the location, whose host may have `*` within its parts."""
    parts, port = _split_host(pattern.host)
    image_parts, image_port = _split_host(image.host)
    return (
        port == image_port
        and len(parts) == len(image_parts)
        and image.path.startswith(pattern.path)
        and all(_glob_matches(*pair) for pair in zip(parts, image_parts, strict=True))
    )


def _split_host(host: str) -> tuple[list[str], str]:
    name, colon, port = host.rpartition(":")
    # More than one colon is a bare IPv6 address, which Go leaves whole, as it does a host without a port.
    if not colon or ":" in name.rpartition("]")[2] or (host.startswith("[") and not name.endswith("]")):
        return host.split("."), ""
    return name.removeprefix("[").removesuffix("]").split("."), port


def _glob_matches(pattern: str, part: str) -> bool:
    """`*` stands for any characters; hosts have no other signs of Go's patterns but the brackets of an address."""
    if "[" in pattern or "]" in pattern:
        return False
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), part, re.DOTALL) is not None


def _is_of_default_registry(repository: str) -> bool:
    first, slash, _ = repository.partition("/")
    if not first:
        return False
    if not slash or first in {"docker.io", DEFAULT_REGISTRY_HOST}:
        return True
    return "." not in first and ":" not in first
