"""kubesim.resolve_identity: the identity under a profile."""

import pytest

from kubesim.errors import InputError
from kubesim.policy.identity import IdentityError
from kubesim.runtime.identity_lookup import resolve_identity
from kubesim.runtime.profiles import profile_names

PASSWD = "root:x:0:0::/:/bin/sh\nuser-defined-in-image:x:1000:1000::/:/bin/sh\n"
GROUP = "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
POD = {"run_as_user": 1000, "run_as_group": 3000, "supplemental_groups": [4000]}


@pytest.mark.parametrize(
    ("policy", "profile", "groups"),
    [
        ("Merge", "containerd-2.3", (3000, 4000, 50000)),
        ("Strict", "containerd-2.3", (3000, 4000)),
        ("Strict", "containerd-1.7", (3000, 4000, 50000)),
        ("Merge", "cri-o-1.36", (3000, 50000, 4000)),
        ("Strict", "cri-o-1.30", (3000, 50000, 4000)),
        ("Strict", "ideal", (3000, 4000)),
    ],
)
def test_the_example_pods(policy, profile, groups):
    who = resolve_identity(passwd=PASSWD, group=GROUP.encode(), policy=policy, profile=profile, **POD)

    assert (who.uid, who.gid, who.supplemental_groups) == (1000, 3000, groups)


def test_the_newest_containerd_is_the_default():
    default = resolve_identity(passwd=None, group=None, image_user="5")

    assert default == resolve_identity(passwd=None, group=None, image_user="5", profile="containerd-2.3")


def test_a_patch_level_decides_what_an_overflow_is():
    """CVE-2024-40635 and CVE-2026-46680."""
    passwd = "99999999999:x:0:0\n"
    wrapped = resolve_identity(passwd=passwd, group=None, image_user="4294967296", profile="containerd-2.0.3")
    by_name = resolve_identity(passwd=passwd, group=None, image_user="99999999999", profile="containerd-2.2.3")

    assert (wrapped.uid, by_name.uid) == (0, 0)
    with pytest.raises(IdentityError, match="uid out of range"):
        resolve_identity(passwd=passwd, group=None, image_user="99999999999", profile="containerd-2.2.4")


def test_an_unknown_number_of_a_policy_gets_the_words_of_the_runtime():
    with pytest.raises(IdentityError, match="not implemented in this containerd release: SupplementalGroupsPolicy=7"):
        resolve_identity(passwd=PASSWD, group=GROUP, policy=7)
    with pytest.raises(InputError, match=r"^policy: unknown policy 7; choose Merge or Strict"):
        resolve_identity(passwd=PASSWD, group=GROUP, policy=7, profile="containerd-1.7")


@pytest.mark.parametrize("profile", profile_names())
@pytest.mark.parametrize("policy", ["strict", "X", ""])
def test_an_unknown_name_of_a_policy_is_bad_input(policy, profile):
    with pytest.raises(InputError, match=rf"^policy: unknown policy '{policy}'; choose Merge or Strict"):
        resolve_identity(passwd=PASSWD, group=GROUP, policy=policy, profile=profile)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"run_as_user": 1 << 63}, "run_as_user"),
        ({"run_as_group": -(1 << 63) - 1, "run_as_user": 1}, "run_as_group"),
        ({"supplemental_groups": [1, 1 << 64]}, r"supplemental_groups\[1\]"),
    ],
)
def test_numbers_that_cri_cannot_carry(given, where):
    with pytest.raises(InputError, match=rf"^{where}: .* is out of range; CRI ids are 64-bit integers$"):
        resolve_identity(passwd=PASSWD, group=GROUP, **given)


def test_an_unknown_profile():
    with pytest.raises(InputError, match=r"did you mean 'containerd-2\.3'"):
        resolve_identity(passwd=PASSWD, group=GROUP, profile="containerd2.3")
