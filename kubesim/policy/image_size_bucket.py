"""By which size an image counts in the metric of pulls.

Mirrors kubelet: pkg/kubelet/metrics/metrics.go, GetImageSizeBucket.
"""

from __future__ import annotations

from bisect import bisect_left

_MB = 1024**2
_GB = 1024**3
_BOUNDS = (10 * _MB, 100 * _MB, 500 * _MB, _GB, 5 * _GB, 10 * _GB, 20 * _GB, 30 * _GB, 40 * _GB, 60 * _GB, 100 * _GB)
_LABELS = (
    "0-10MB",
    "10MB-100MB",
    "100MB-500MB",
    "500MB-1GB",
    "1GB-5GB",
    "5GB-10GB",
    "10GB-20GB",
    "20GB-30GB",
    "30GB-40GB",
    "40GB-60GB",
    "60GB-100GB",
    "GT100GB",
)


def image_size_bucket(size_bytes: int) -> str:
    """The label of a size; `N/A` for one that is not known. A size that is a bound belongs to what is below it."""
    return _LABELS[bisect_left(_BOUNDS, size_bytes)] if size_bytes else "N/A"
