"""Sizes of images as the metric of pulls names them."""

import pytest

from kubesim.policy.image_size_bucket import image_size_bucket

MB = 1024**2


@pytest.mark.parametrize(
    ("size_bytes", "label"),
    [
        (0, "N/A"),
        (1, "0-10MB"),
        (10 * MB, "0-10MB"),
        (10 * MB + 1, "10MB-100MB"),
        (700 * MB, "500MB-1GB"),
        (5 * 1024 * MB, "1GB-5GB"),
        (100 * 1024 * MB, "60GB-100GB"),
        (100 * 1024 * MB + 1, "GT100GB"),
    ],
)
def test_a_bound_belongs_to_what_is_below_it(size_bytes: int, label: str) -> None:
    assert image_size_bucket(size_bytes) == label
