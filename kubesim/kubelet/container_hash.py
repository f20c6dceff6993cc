"""The hash by which the kubelet notices that a container's definition changed.

Mirrors kubelet: pkg/kubelet/container/helpers.go, HashContainer, and pkg/util/hash/hash.go, DeepHashObject: FNV-1a of
32 bits over a dump of the JSON of just {image, name}; Go dumps bytes as numbers. A kubelet that takes a node over finds
the hashes of the one before.
"""

from __future__ import annotations

from functools import lru_cache

from kubesim.policy.go_json_text import go_json_text

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
    """The value of the annotation io.kubernetes.container.hash: hex without leading zeros.

    >>> container_hash("main", "registry.k8s.io/e2e-test-images/busybox:1.29-2")
    'c991af1e'
    """
    fields = go_json_text({"image": image, "name": name})
    dump = f"([]uint8)[{' '.join(map(str, fields.encode()))}]"
    return f"{fnv1a_32(dump.encode()):x}"
