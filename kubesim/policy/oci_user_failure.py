"""What an OCI runtime says of a user that no process can be.

The last of the 32-bit ids stands for "leave it as it is" in the kernel's interface, so nobody can have it.

Mirrors runc: libcontainer/init_linux.go, setupUser; crun: src/libcrun/linux.c, libcrun_container_setgroups; Linux:
kernel/groups.c, setgroups, and kernel/sys.c, setuid.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

NO_ID = 2**32 - 1


def user_failure(*, uid: int, gid: int, groups: Collection[int], oci_runtime: Literal["runc", "crun"]) -> str | None:
    """Why a container with this user is not made; None when it is.

    >>> user_failure(uid=0, gid=0, groups=(0, 4294967295), oci_runtime="runc")
    'unable to setup user: setgroups: invalid argument'
    """
    if oci_runtime == "crun":
        # It sets all three ids of a process at once, which leaves them as they are for this one and is no error.
        return "setgroups: Invalid argument" if NO_ID in groups else None
    if NO_ID in groups:
        return "unable to setup user: setgroups: invalid argument"
    for name, number in (("gid", gid), ("uid", uid)):
        if number == NO_ID:
            return f"unable to setup user: cannot set{name} to unmapped {name} {NO_ID} in user namespace"
    return None
