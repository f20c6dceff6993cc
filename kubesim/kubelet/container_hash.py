"""The hash by which the kubelet notices that a container's definition changed.

Mirrors kubelet: pkg/kubelet/container/helpers.go, HashContainer: FNV-1a of 32 bits over a dump of the JSON of just
{image, name}. Only equality with the annotation of the running container matters, so the dump here is the JSON itself.
"""

from __future__ import annotations

import json
from functools import lru_cache

_OFFSET = 0x811C9DC5
_PRIME = 0x01000193


def fnv1a_32(data: bytes) -> int:
    """FNV-1a, 32 bits."""
    value = _OFFSET
    for byte in data:
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=4096)
def container_hash(name: str, image: str) -> str:
    """The value of the annotation io.kubernetes.container.hash: hex without leading zeros."""
    dump = json.dumps({"image": image, "name": name}, separators=(",", ":"), sort_keys=True)
    return f"{fnv1a_32(dump.encode()):x}"
