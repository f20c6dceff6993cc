"""An image on the node, and the answer to who looks for one."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from kubesim.cri import api
from kubesim.images.image import Image

ImageNames = tuple[list[str], list[str]]
"""Repo tags and repo digests, each sorted."""


@dataclass(slots=True, kw_only=True, eq=False)
class PresentImage:
    """An image on the node with the names it has there."""

    image: Image
    names: set[str] = field(default_factory=set)
    """Normalised references: tags, and `repository@digest` where the runtime keeps those."""
    digests: set[str] = field(default_factory=set)
    """Of every manifest it came by: one content can have several."""
    last_name: str = ""
    """The name that it was given last; CRI-O shows the digest under it when it has lost all of them."""
    is_pinned: bool = False
    rows: tuple[api.Image, ...] | None = None
    """The rows of ListImages, until something in them changes."""
    shown_names: ImageNames | None = None
    """Its names as they are shown, until one changes."""
    encoded_status: bytes | None = None
    """The answer of ImageStatus, until something in it changes."""


class ImageMatch(Struct, frozen=True, kw_only=True):
    """The answer to a look-up."""

    found: PresentImage | None = None
    is_ambiguous: bool = False
    """Several ids begin with what was asked for."""
    name: str = ""
    """The name that led there; "" when it was an id."""
    refusal: str = ""
    """Why the text can be no image name at all; "" for one that is just not there."""
    is_unknown_id: bool = False
    """With a refusal: some calls take the text for an id that is not there."""


class LayersHeld(Struct, frozen=True, kw_only=True):
    """Layers on the node, each counted once."""

    chain_ids: frozenset[str]
    size_bytes: int
    entries: int
