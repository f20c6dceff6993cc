"""Which names of images the configuration of a node pins, so that garbage collection keeps them.

Mirrors containerd: internal/cri/server/images/image_pull.go, getLabels; CRI-O: internal/storage/image.go,
CompileRegexpsForPinnedImages and FilterPinnedImage.
"""

from __future__ import annotations

from kubesim.policy.runtime_profile import ImageSwitches


def is_pinned_name(name: str, *, pause_image: str, images: ImageSwitches) -> bool:
    """Whether a normalised name is pinned: it is the pause image's, or one of `images.pinned_images`."""
    patterns = (*images.pinned_images, pause_image)
    if images.pinning == "at-pull":
        return name in patterns
    return any(_matches(name.lower(), pattern.lower()) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    """A pattern is a name; `*word*` and `word*` are found anywhere: CRI-O does not tie the second to the beginning."""
    if len(pattern) > 1 and pattern.startswith("*") and pattern.endswith("*"):
        return pattern[1:-1] in name
    if pattern.endswith("*"):
        return pattern[:-1] in name
    return name == pattern
