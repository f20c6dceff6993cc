"""Which images the kubelet removes, and its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.image_garbage import (
    ImagePolicy,
    ImageRecord,
    ListedImage,
    Shortage,
    UsedImages,
    deletions_failed,
    eviction_order,
    format_size,
    images_in_use,
    is_too_old,
    may_make_room,
    old_deletions_failed,
    policy_problems,
    shortage,
    space_not_freed,
    updated_records,
)

S = 10**9
GI = 1024**3
POLICY = ImagePolicy()
LOW = "imageGCLowThresholdPercent (--image-gc-low-threshold)"
HIGH = "imageGCHighThresholdPercent (--image-gc-high-threshold)"
AGED = ImagePolicy(max_age_ns=3600 * S)
GATES = resolve_gates("1.36")


def record(name: str = "a", *, used: int | None = None, detected: int = 0, **more: object) -> ImageRecord:
    return ImageRecord(id=name, first_detected_ns=detected * S, last_used_ns=None if used is None else used * S, **more)


def test_images_of_containers_and_mounts_are_used():
    containers = [UsedImages(image_id="a"), UsedImages(image_id="gone", mounted=("b", "repo@sha256:c"))]
    assert images_in_use(containers, {"a", "b", "c"}) == {"a", "b", "gone"}


def test_records_follow_what_is_there():
    known = {"a": record("a", detected=1, used=2), "gone": record("gone")}
    images = [ListedImage(id="a", size_bytes=5), ListedImage(id="b", size_bytes=6, is_pinned=True)]
    assert updated_records(known, images, {"b"}, detected_ns=10 * S, now_ns=11 * S) == {
        "a": record("a", detected=1, used=2, size_bytes=5),
        "b": record("b", detected=10, used=11, size_bytes=6, is_pinned=True),
    }
    used = updated_records(known, images, {"a"}, detected_ns=10 * S, now_ns=11 * S)
    assert (used["a"].first_detected_ns, used["a"].last_used_ns) == (S, 11 * S)
    assert used["b"].last_used_ns is None


def test_what_is_unused_for_longest_goes_first():
    images = [
        record("used-late", used=9),
        record("used-early", used=5),
        record("never-late", detected=3),
        record("never-b", detected=1),
        record("never-a", detected=1),
        record("pinned", is_pinned=True),
        record("in-use"),
    ]
    order = ["never-a", "never-b", "never-late", "used-early", "used-late"]
    assert [one.id for one in eviction_order(images, {"in-use"})] == order


@pytest.mark.parametrize(
    ("image", "now", "expected"),
    [
        (record(used=None), 3600, False),  # the kubelet has not run for long enough
        (record(used=None), 3601, True),  # never used: of any age, however new
        (record(used=None, detected=3601), 3601, True),
        (record(used=1), 3601, False),
        (record(used=1), 3602, True),
    ],
)
def test_too_old(image, now, expected):
    assert is_too_old(image, AGED, now_ns=now * S, began_ns=0) is expected


def test_without_a_maximum_nothing_is_too_old():
    assert not is_too_old(record(), POLICY, now_ns=10**18, began_ns=0)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (record(detected=0), True),
        (record(detected=80), True),
        (record(detected=81), False),  # younger than two minutes
        (record(detected=0, used=199), True),
        (record(detected=0, used=200), False),
    ],
)
def test_may_make_room(image, expected):
    assert may_make_room(image, POLICY, now_ns=200 * S) is expected


@pytest.mark.parametrize(
    ("available", "lack"),
    [
        (16 * GI, None),
        (15 * GI + 1, Shortage(used_percent=85, free_bytes=5 * GI - 1)),  # whole per cents
        (15 * GI, Shortage(used_percent=85, free_bytes=5 * GI)),
        (0, Shortage(used_percent=100, free_bytes=20 * GI)),
        (200 * GI, None),  # more than there is
    ],
)
def test_shortage(available, lack):
    assert shortage(POLICY, capacity_bytes=100 * GI, available_bytes=available) == lack


@given(st.integers(1, 2**60), st.integers(0, 2**60), st.integers(1, 100), st.data())
def test_what_is_freed_brings_the_disk_to_the_low_threshold(capacity, available, high, data):
    low = data.draw(st.integers(0, high - 1))
    policy = replace(POLICY, high_percent=high, low_percent=low)
    lack = shortage(policy, capacity_bytes=capacity, available_bytes=available)
    if lack is not None:
        after = min(available, capacity) + lack.free_bytes
        assert after * 100 <= capacity * (100 - low)
        assert (after + 1) * 100 > capacity * (100 - low)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 * 1024, "1.5 MiB"),
        (100 * GI, "100.0 GiB"),
        (5 * 1024 * GI, "5.0 TiB"),
        (5000 * 1024 * GI, "5000.0 TiB"),
    ],
)
def test_sizes(size, text):
    assert format_size(size) == text


def test_words():
    lack = Shortage(used_percent=90, free_bytes=10)
    assert space_not_freed(lack, capacity_bytes=100 * GI, freed_bytes=3) == (
        "Insufficient free disk space on the node's image filesystem (90% of 100.0 GiB used). "
        "Failed to free sufficient space by deleting unused images (freed 3 bytes). "
        "Investigate disk usage, as it could be used by active images, logs, volumes, or other data."
    )
    assert deletions_failed(10, 3, "x") == (
        "wanted to free 10 bytes, but freed 3 bytes space with errors in image deletion: x"
    )
    assert old_deletions_failed(AGED, "x") == (
        "wanted to free images older than 1h0m0s, encountered errors in image deletion: x"
    )


@pytest.mark.parametrize(
    ("policy", "problems"),
    [
        (POLICY, []),
        (AGED, []),
        (
            ImagePolicy(high_percent=101, low_percent=-1),
            [
                "imageGCHighThresholdPercent (--image-gc-high-threshold) 101 must be between 0 and 100, inclusive",
                "imageGCLowThresholdPercent (--image-gc-low-threshold) -1 must be between 0 and 100, inclusive",
            ],
        ),
        (
            ImagePolicy(high_percent=80),
            [f"{LOW} 80 must be less than {HIGH} 80"],
        ),
        (ImagePolicy(min_age_ns=-S), ["imageMinimumGCAge -1s must not be negative"]),
        (ImagePolicy(max_age_ns=-S), ["imageMaximumGCAge -1s must not be negative"]),
        (
            ImagePolicy(max_age_ns=120 * S),
            ["imageMaximumGCAge 2m0s must be greater than imageMinimumGCAge 2m0s"],
        ),
    ],
)
def test_settings_that_do_not_fit(policy, problems):
    assert policy_problems(policy, GATES) == [f"invalid configuration: {one}" for one in problems]


def test_the_maximum_needs_its_gate():
    text = "ImageMaximumGCAge feature gate is required for Kubelet configuration option imageMaximumGCAge"
    assert policy_problems(AGED, resolve_gates("1.29")) == [f"invalid configuration: {text}"]


def test_when_nothing_is_ever_removed():
    assert ImagePolicy(high_percent=100).is_off
    assert not replace(AGED, high_percent=100).is_off
    assert not POLICY.is_off
