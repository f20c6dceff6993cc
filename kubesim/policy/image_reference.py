"""Image references: the grammar, and the form under which registries and runtimes know an image.

    [domain/]path[:tag][@digest]      busybox  ->  docker.io/library/busybox:latest

Mirrors distribution/reference: normalize.go (ParseDockerRef, splitDockerDomain), reference.go (Parse) and regexp.go;
opencontainers/go-digest: digest.go, Validate.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from kubesim.errors import KubesimError

DEFAULT_DOMAIN = "docker.io"
LEGACY_DEFAULT_DOMAIN = "index.docker.io"
OFFICIAL_PREFIX = "library/"
DEFAULT_TAG = "latest"
NAME_LENGTH_MAX = 255

# The same languages as in regexp.go. Each part can end in one place only, so `++` and `*+` never give anything back:
# a name of a megabyte is refused in one pass.
_DOMAIN_PART = r"[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*+|\[[a-fA-F0-9:]++\])(?::[0-9]++)?+"
_PATH_PART = r"[a-z0-9]++(?:(?:\.|__?+|-++)[a-z0-9]++)*+"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*+(?:[-_+.][A-Za-z][A-Za-z0-9]*+)*+:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PATH_PART}(?:/{_PATH_PART})*+)"
    rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_DIGEST_FORM = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class InvalidReference(KubesimError):
    """The text is no image reference. `str(error)` is upstream's message."""


class InvalidDigest(InvalidReference):
    """The text is no digest. `str(error)` is upstream's message."""


class Reference(Struct, frozen=True, kw_only=True, gc=False):
    """A reference. From `parse_reference` it is normalised: it has a tag or a digest, and not both."""

    domain: str
    """The registry; empty when the first component only looked like one (`foo_bar.com/x`)."""
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Domain and path: the repository."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def normalised(self) -> str:
        """The reference in full, as containerd stores it."""
        return self._with_suffix(self.name)

    @property
    def familiar(self) -> str:
        """The shortest form that means the same: `busybox:latest`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.normalised
        short = self.path.removeprefix(OFFICIAL_PREFIX)
        return self._with_suffix(self.path if "/" in short else short)

    def _with_suffix(self, name: str) -> str:
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=1024)
def parse_reference(text: str) -> Reference:
    """The normalised reference that `text` stands for: ParseDockerRef. A tag beside a digest is dropped.

    Raises:
        InvalidReference: with upstream's message.
    """
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split_domain(text)
    # Upstream looks for the tag before it looks for the digest, so `x@SHA256:...` is an upper-case name.
    repository = remainder.partition(":")[0]
    if repository.lower() != repository:
        raise InvalidReference(f"invalid reference format: repository name ({repository}) must be lowercase")
    parsed = parse_plain_reference(f"{domain}/{remainder}")
    if parsed.digest:
        return Reference(domain=parsed.domain, path=parsed.path, digest=parsed.digest)
    return Reference(domain=parsed.domain, path=parsed.path, tag=parsed.tag or DEFAULT_TAG)


def parse_plain_reference(text: str) -> Reference:
    """The parts of `text` as written, without any default: Parse. The domain is what stands before the first slash.

    Raises:
        InvalidReference: with upstream's message.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        if not text:
            raise InvalidReference("repository name must have at least one component")
        if _REFERENCE.fullmatch(text.lower()) is not None:
            raise InvalidReference("repository name must be lowercase")
        raise InvalidReference("invalid reference format")
    if len(match["path"]) > NAME_LENGTH_MAX:
        raise InvalidReference(f"repository name must not be more than {NAME_LENGTH_MAX} characters")
    digest = match["digest"] or ""
    if digest:
        check_digest(digest)
    return Reference(domain=match["domain"] or "", path=match["path"], tag=match["tag"] or "", digest=digest)


def check_digest(text: str) -> None:
    """Check that `text` is a digest with a known algorithm.

    Raises:
        InvalidDigest: with upstream's message.
    """
    algorithm, colon, encoded = text.partition(":")
    if not algorithm or not colon or not encoded:
        raise InvalidDigest("invalid checksum digest format")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        known = _DIGEST_FORM.fullmatch(text)
        raise InvalidDigest("unsupported digest algorithm" if known else "invalid checksum digest format")
    if len(encoded) != length:
        raise InvalidDigest("invalid checksum digest length")
    if re.fullmatch(r"[a-f0-9]+", encoded) is None:
        raise InvalidDigest("invalid checksum digest format")


def _split_domain(text: str) -> tuple[str, str]:
    """The registry and the rest: the first component is a registry when it looks like a host. See splitDockerDomain."""
    first, slash, rest = text.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first.lower() != first
    domain, remainder = (first, rest) if slash and is_host else (DEFAULT_DOMAIN, text)
    if domain == LEGACY_DEFAULT_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = OFFICIAL_PREFIX + remainder
    return domain, remainder
