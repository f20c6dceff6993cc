"""What no policy engine could have read in a manifest."""

import pytest

from kubesim.policy.identity import Identity
from kubesim.policy.pod_security import ContainerSecurity, PodSecurity
from kubesim.policy.unseen_identity import UnseenIdentity, unseen_identity

WHO = Identity(uid=1000, gid=1000, supplemental_groups=(1000, 3000, 50000), username="app", trace=())


@pytest.mark.parametrize(
    ("pod", "container", "expected"),
    [
        ({}, {}, (True, True, (1000, 3000, 50000))),
        ({"run_as_user": 1000}, {}, (False, True, (1000, 3000, 50000))),
        ({}, {"run_as_user": 1000}, (False, True, (1000, 3000, 50000))),
        ({"run_as_user": 1000, "run_as_group": 1000}, {}, (False, False, (3000, 50000))),
        ({"fs_group": 50000, "supplemental_groups": (3000,)}, {}, (True, True, (1000,))),
        # The pod's runAsGroup does not count for this container, but it is written in the manifest.
        ({"run_as_group": 3000}, {"run_as_group": 1000}, (True, False, (50000,))),
        # A number that is named as a supplementary group is still not named as the primary one.
        ({"run_as_user": 1000, "supplemental_groups": (1000, 3000, 50000)}, {}, (False, True, ())),
        ({"run_as_user": 1000, "run_as_group": 1000, "supplemental_groups": (3000, 50000)}, {}, (False, False, ())),
    ],
)
def test_what_is_unseen(pod, container, expected):
    found = unseen_identity(PodSecurity(**pod), ContainerSecurity(**container), WHO)

    assert found == UnseenIdentity(uid=expected[0], gid=expected[1], groups=expected[2])
