"""Which manifest of an index is for a node: by operating system, architecture and variant.

Mirrors containerd: vendor/github.com/containerd/platforms/compare.go (platformVector, Only) and database.go
(normalizeOS, normalizeArch), core/images/image.go (Manifest).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace


class Platform(Struct, frozen=True, kw_only=True):
    """What an image runs on, as an index says it; "" for a part that it does not say."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    """Of the processor: `v7`, `v8` ..."""
    os_version: str = field(default="", name="os.version")
    os_features: list[str] = field(default_factory=list, name="os.features")

    def __str__(self) -> str:
        parts = [self.os or "unknown", self.architecture or "unknown", *([self.variant] if self.variant else [])]
        return "/".join(parts)


LINUX_AMD64 = Platform(os="linux", architecture="amd64")
"""What the emulated nodes are unless they say otherwise."""

_ARM64_MINORS = {
    "v8": [(8, range(0, -1, -1))],
    **{f"v8.{minor}": [(8, range(minor, -1, -1))] for minor in range(10)},
    "v9": [(9, range(0, -1, -1)), (8, range(5, -1, -1))],
    **{f"v9.{minor}": [(9, range(minor, -1, -1)), (8, range(min(minor + 5, 9), -1, -1))] for minor in range(8)},
}
"""Variants that a variant of arm64 runs as well, as (major, minors from the best down)."""


def normalise_platform(platform: Platform) -> Platform:
    """The one spelling of a platform: `x86_64` is amd64, `aarch64/8` is arm64, `armhf` is arm/v7."""
    architecture, variant = _architecture(platform.architecture.lower(), platform.variant.lower())
    os = platform.os.lower() or "linux"
    return replace(platform, os="darwin" if os == "macos" else os, architecture=architecture, variant=variant)


def matching_platforms(platform: Platform) -> tuple[Platform, ...]:
    """What a node of this platform can run, the best first: amd64/v3 also amd64/v2, amd64 and 386; arm/v7 also v6."""
    return tuple(_vector(normalise_platform(platform)))


def can_run(node: Platform, image: Platform) -> bool:
    """Whether a node runs an image of this platform."""
    return _rank(matching_platforms(node), image) is not None


def choose_platform(entries: Sequence[Platform | None], node: Platform = LINUX_AMD64) -> int | None:
    """Which entry of an index a node takes, by its position; None when nothing in it is for the node.

    Of equally good ones the first. An entry that names no platform may be for any: it is taken when no other is, and
    whoever reads its config checks what that says.
    """
    vector = matching_platforms(node)
    ranks = [
        (rank, number)
        for number, platform in enumerate(entries)
        if platform is not None and (rank := _rank(vector, platform)) is not None
    ]
    if ranks:
        return min(ranks)[1]
    return next((number for number, platform in enumerate(entries) if platform is None), None)


def _rank(vector: tuple[Platform, ...], image: Platform) -> int | None:
    if image.os_features:
        return None  # no emulated node has features such as win32k
    wanted = normalise_platform(image)
    key = (wanted.os, wanted.architecture, wanted.variant)
    for rank, candidate in enumerate(vector):
        if (candidate.os, candidate.architecture, candidate.variant) == key:
            return rank
    return None


def _vector(platform: Platform) -> Iterator[Platform]:
    variant = platform.variant
    number = int(variant[1:]) if variant[1:].isascii() and variant[1:].isdigit() else 0
    match platform.architecture:
        case "amd64":
            yield platform
            for below in range(min(number, 99) - 1, 0, -1):
                yield normalise_platform(replace(platform, variant=f"v{below}"))
            yield replace(platform, architecture="386", variant="")
        case "arm":
            yield platform
            for below in range(min(number, 99) - 1, 4, -1):
                yield replace(platform, variant=f"v{below}")
        case "arm64":
            if (variant or "v8") not in _ARM64_MINORS:
                return
            for major, minors in _ARM64_MINORS[variant or "v8"]:
                for minor in minors:
                    yield normalise_platform(replace(platform, variant=f"v{major}.{minor}" if minor else f"v{major}"))
            yield from _vector(replace(platform, architecture="arm", variant="v8"))
        case _:
            yield platform


def _architecture(architecture: str, variant: str) -> tuple[str, str]:
    match architecture:
        case "i386":
            return "386", ""
        case "x86_64" | "x86-64" | "amd64":
            return "amd64", "" if variant == "v1" else variant
        case "aarch64" | "arm64":
            short = {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"}
            return "arm64", short.get(variant, variant)
        case "armhf":
            return "arm", "v7"
        case "armel":
            return "arm", "v6"
        case "arm":
            return "arm", {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
        case _:
            return architecture, variant
