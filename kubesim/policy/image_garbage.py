"""Which images a kubelet removes: what counts as used, what is old enough, and in which order disk space is freed.

Mirrors kubelet: pkg/kubelet/images/image_gc_manager.go (detectImages, imagesInEvictionOrder, freeOldImages, freeSpace,
GarbageCollect, formatSize) and pkg/kubelet/apis/config/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from kubesim.model.duration import format_duration
from kubesim.policy.feature_gates import gate_enabled

_UNITS = ("KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePolicy:
    """KubeletConfiguration's thresholds in per cent and ages in ns; a `max_age_ns` of 0 lets images get any age."""

    high_percent: int = 85
    low_percent: int = 80
    min_age_ns: int = 120 * 10**9
    max_age_ns: int = 0

    @property
    def is_off(self) -> bool:
        """Whether nothing is ever removed."""
        return self.high_percent == 100 and self.max_age_ns == 0


class ListedImage(Struct, frozen=True, kw_only=True, gc=False):
    """An image as ListImages shows it."""

    id: str
    size_bytes: int = 0
    is_pinned: bool = False


class UsedImages(Struct, frozen=True, kw_only=True, gc=False):
    """What the runtime tells of the images of one container: its own, and those of its mounts."""

    image_id: str
    mounted: tuple[str, ...] = ()


class ImageRecord(Struct, frozen=True, kw_only=True, gc=False):
    """What the kubelet remembers of an image. `last_used_ns` None: it never saw a container with it."""

    id: str
    first_detected_ns: int
    last_used_ns: int | None = None
    size_bytes: int = 0
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """The disk is fuller than the high threshold: `free_bytes` bring it to the low one."""

    used_percent: int
    free_bytes: int


def policy_problems(policy: ImagePolicy, gates: Mapping[str, bool]) -> list[str]:
    """What the kubelet says about thresholds and ages that do not fit; it does not start then."""
    found = []
    for name, flag, value in (
        ("imageGCHighThresholdPercent", "--image-gc-high-threshold", policy.high_percent),
        ("imageGCLowThresholdPercent", "--image-gc-low-threshold", policy.low_percent),
    ):
        if not 0 <= value <= 100:
            found.append(f"{name} ({flag}) {value} must be between 0 and 100, inclusive")
    if policy.low_percent >= policy.high_percent:
        found.append(
            f"imageGCLowThresholdPercent (--image-gc-low-threshold) {policy.low_percent} must be less than "
            f"imageGCHighThresholdPercent (--image-gc-high-threshold) {policy.high_percent}"
        )
    if policy.max_age_ns and not gate_enabled(gates, "ImageMaximumGCAge"):
        text = "ImageMaximumGCAge feature gate is required for Kubelet configuration option imageMaximumGCAge"
        found.append(text)
    shortest, longest = format_duration(policy.min_age_ns), format_duration(policy.max_age_ns)
    if policy.min_age_ns < 0:
        found.append(f"imageMinimumGCAge {shortest} must not be negative")
    if policy.max_age_ns < 0:
        found.append(f"imageMaximumGCAge {longest} must not be negative")
    if 0 < policy.max_age_ns <= policy.min_age_ns:
        found.append(f"imageMaximumGCAge {longest} must be greater than imageMinimumGCAge {shortest}")
    return [f"invalid configuration: {one}" for one in found]


def images_in_use(containers: Iterable[UsedImages], image_ids: Collection[str]) -> frozenset[str]:
    """The ids that keep their images: of containers, whatever they say, and of mounts that name an image by its id."""
    used = set()
    for container in containers:
        used.add(container.image_id)
        used.update(one for one in container.mounted if one in image_ids)
    return frozenset(used)


def updated_records(
    records: Mapping[str, ImageRecord],
    images: Iterable[ListedImage],
    in_use: Collection[str],
    *,
    detected_ns: int,
    now_ns: int,
) -> dict[str, ImageRecord]:
    """The records after a look at the runtime that began at `detected_ns` and ended at `now_ns`."""
    found = {}
    for image in images:
        known = records.get(image.id)
        found[image.id] = ImageRecord(
            id=image.id,
            first_detected_ns=known.first_detected_ns if known is not None else detected_ns,
            last_used_ns=now_ns if image.id in in_use else known.last_used_ns if known is not None else None,
            size_bytes=image.size_bytes,
            is_pinned=image.is_pinned,
        )
    return found


def eviction_order(records: Iterable[ImageRecord], in_use: Collection[str]) -> list[ImageRecord]:
    """The images that may go, those unused for longest first; the id decides where the kubelet leaves it to chance."""
    free = (one for one in records if one.id not in in_use and not one.is_pinned)
    return sorted(free, key=lambda one: (one.last_used_ns or 0, one.first_detected_ns, one.id))


def is_too_old(image: ImageRecord, policy: ImagePolicy, *, now_ns: int, began_ns: int) -> bool:
    """Whether an image goes for its age alone; an image that was never used has any age.

    Only once the kubelet has run for as long as that, since `began_ns`: it cannot know what was used before.
    """
    if policy.max_age_ns == 0 or now_ns - began_ns <= policy.max_age_ns:
        return False
    return image.last_used_ns is None or now_ns - image.last_used_ns > policy.max_age_ns


def may_make_room(image: ImageRecord, policy: ImagePolicy, *, now_ns: int) -> bool:
    """Whether an image may go to free space: it is unused since `now_ns`, and was seen long enough ago."""
    is_recent = image.last_used_ns is not None and image.last_used_ns >= now_ns
    return not is_recent and now_ns - image.first_detected_ns >= policy.min_age_ns


def shortage(policy: ImagePolicy, *, capacity_bytes: int, available_bytes: int) -> Shortage | None:
    """How much is to be freed of a disk with this capacity, which is not 0; None: nothing."""
    available_bytes = min(available_bytes, capacity_bytes)
    used_percent = 100 - available_bytes * 100 // capacity_bytes
    if used_percent < policy.high_percent:
        return None
    wanted_bytes = capacity_bytes * (100 - policy.low_percent) // 100
    return Shortage(used_percent=used_percent, free_bytes=wanted_bytes - available_bytes)


NO_CAPACITY = "invalid capacity 0 on image filesystem"


def space_not_freed(lack: Shortage, *, capacity_bytes: int, freed_bytes: int) -> str:
    """What the kubelet says when all unused images together were not enough."""
    return (
        f"Insufficient free disk space on the node's image filesystem ({lack.used_percent}% of "
        f"{format_size(capacity_bytes)} used). Failed to free sufficient space by deleting unused images (freed "
        f"{freed_bytes} bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other "
        "data."
    )


def deletions_failed(wanted_bytes: int, freed_bytes: int, error: str) -> str:
    """What it says when images could not be removed for space; `error` is pull_policy.aggregate_text of the errors."""
    return (
        f"wanted to free {wanted_bytes} bytes, but freed {freed_bytes} bytes space with errors in image deletion: "
        f"{error}"
    )


def old_deletions_failed(policy: ImagePolicy, error: str) -> str:
    """What it says when images could not be removed for their age."""
    age = format_duration(policy.max_age_ns)
    return f"wanted to free images older than {age}, encountered errors in image deletion: {error}"


def format_size(size_bytes: int) -> str:
    """`1.5 GiB`; bytes without a fraction."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size, unit = size_bytes / 1024, 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}"
