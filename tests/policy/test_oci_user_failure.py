"""The id that nobody can have, in the words of OCI runtimes."""

import pytest

from kubesim.policy.oci_user_failure import NO_ID, user_failure


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "runc", "crun"),
    [
        (1000, 1000, (1000,), None, None),
        (NO_ID - 1, 2**31, (2**31,), None, None),
        (
            NO_ID,
            NO_ID,
            (NO_ID,),
            "unable to setup user: setgroups: invalid argument",
            "setgroups: Invalid argument",
        ),
        (0, 0, (0, NO_ID), "unable to setup user: setgroups: invalid argument", "setgroups: Invalid argument"),
        (NO_ID, 5, (5,), f"unable to setup user: cannot setuid to unmapped uid {NO_ID} in user namespace", None),
        (5, NO_ID, (), f"unable to setup user: cannot setgid to unmapped gid {NO_ID} in user namespace", None),
    ],
)
def test_who_no_process_can_be(uid, gid, groups, runc, crun):
    assert user_failure(uid=uid, gid=gid, groups=groups, oci_runtime="runc") == runc
    assert user_failure(uid=uid, gid=gid, groups=groups, oci_runtime="crun") == crun
