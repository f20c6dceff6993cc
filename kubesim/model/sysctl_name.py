"""The two spellings of the name of a sysctl.

Mirrors Kubernetes: staging/src/k8s.io/component-helpers/node/util/sysctl/sysctl.go, NormalizeName, and linux:
sysctl.d(5).
"""

from __future__ import annotations

_SWAPPED = str.maketrans("./", "/.")


def dotted_sysctl(name: str) -> str:
    """A name with dots between its parts. One that is written with slashes may have dots within a part.

    >>> dotted_sysctl("net/ipv4/conf/eno2.100/rp_filter")
    'net.ipv4.conf.eno2/100.rp_filter'
    """
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate(_SWAPPED)
