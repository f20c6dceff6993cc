"""Which artifact on a node a text stands for, where artifacts are kept apart from images.

Each name of an artifact is an entry of its own. Mirrors CRI-O: internal/ociartifact/store.go, getByNameOrDigest (before
1.35.1) and Status; containers/common: pkg/libartifact/store.go, lookupArtifactLocked, and store_reference.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubesim.policy.artifact_switches import ArtifactLookup
from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_reference import DEFAULT_TAG, InvalidReference, parse_reference

_DIGITS_MIN = 3
"""Of the beginning of a digest, in short-names."""


class ArtifactEntry(NamedTuple):
    """One artifact under one name."""

    name: str
    """`repository:tag`, or `repository@digest`; "" for one that lost it."""
    digest: str

    @property
    def canonical_name(self) -> str:
        """Its repository with its digest."""
        return f"{repository_of(self.name)}@{self.digest}"


class FoundArtifact(NamedTuple):
    """The answer to a look-up."""

    position: int | None = None
    """Which entry; None for none."""
    refusal: str = ""
    """Why the text cannot be looked up; "" for one that is just not there."""


def repository_of(name: str) -> str:
    """A name without tag and digest; `unknown` for none, as CRI-O calls it."""
    if not name:
        return "unknown"
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def find_artifact(
    text: str, entries: Sequence[ArtifactEntry], rule: ArtifactLookup, *, candidates: Sequence[str]
) -> FoundArtifact:
    """Look an artifact up; `candidates` are the full names that a short one may mean, in order."""
    if rule == "as-images":
        return FoundArtifact()
    if rule == "full-names":
        return _by_full_name(text, entries)
    for index, entry in enumerate(entries):
        if len(text) >= _DIGITS_MIN and _hex(entry).startswith(text):
            return FoundArtifact(index)
    for candidate in candidates:
        for index, entry in enumerate(entries):
            if candidate in (entry.name, entry.canonical_name):
                return FoundArtifact(index)
    return FoundArtifact()


def _by_full_name(text: str, entries: Sequence[ArtifactEntry]) -> FoundArtifact:
    try:
        parsed = parse_reference(text)
    except InvalidReference:
        return _by_digits(text, entries)
    name = f"{parsed.domain}/{parsed.path}"
    rest = text.removeprefix(name)
    if rest == text:
        return _by_digits(text, entries)  # no domain: not the form in which names are kept
    tag, at, digest = rest.partition("@")
    if tag and at:
        return FoundArtifact(refusal="invalid nameOrDigest: reference cannot be tagged and digested")
    wanted = name + (tag or f":{DEFAULT_TAG}")
    for index, entry in enumerate(entries):
        if (entry.canonical_name == f"{name}@{digest}") if at else (entry.name == wanted):
            return FoundArtifact(index)
    return FoundArtifact()


def _by_digits(text: str, entries: Sequence[ArtifactEntry]) -> FoundArtifact:
    found = [index for index, entry in enumerate(entries) if _hex(entry).startswith(text)]
    if len(found) > 1:
        names = go_quote(",".join(entries[index].name for index in found))
        return FoundArtifact(refusal=f"inspect artifact: multiple artifacts found with matching digest: {names}")
    return FoundArtifact(found[0] if found else None)


def _hex(entry: ArtifactEntry) -> str:
    return entry.digest.partition(":")[2]
