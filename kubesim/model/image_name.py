"""The tag rule of image names, as far as defaulting and fixtures need it.

How a runtime normalises and looks up names is `kubesim.policy.image_reference`; this is only the grammar.
Mirrors distribution/reference: regexp.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_NAME = re.compile(
    rf"(?P<repository>(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageName:
    """The parts of an image name as written; nothing is filled in."""

    repository: str
    tag: str | None = None
    digest: str | None = None


def parse_image_name(text: str) -> ImageName | None:
    """The parts of a name; None when it is no image name, or 64 hex digits, which is an id."""
    match = _NAME.fullmatch(text)
    if match is None or _IDENTIFIER.fullmatch(text):
        return None
    return ImageName(repository=match["repository"], tag=match["tag"], digest=match["digest"])


def default_pull_policy(image: str) -> str:
    """`Always` for the tag latest and for no tag and no digest, else `IfNotPresent`.

    A name that cannot be parsed has no tag, so it gets IfNotPresent. Mirrors Kubernetes:
    pkg/apis/core/v1/defaults.go, SetDefaults_Container, with pkg/util/parsers/parsers.go, ParseImageName.
    """
    name = parse_image_name(image)
    if name is None:
        return "IfNotPresent"
    latest = name.tag == "latest" or (name.tag is None and name.digest is None)
    return "Always" if latest else "IfNotPresent"
