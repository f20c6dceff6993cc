"""Which switches decide is tried, one by one."""

from kubesim.policy.deciding_switches import deciding_switches
from kubesim.runtime.profiles import load_profile

OLD, NEW = load_profile("containerd-1.7"), load_profile("containerd-2.3")


def keys_of(answer, *keys):
    return [one.key for one in deciding_switches(OLD, NEW, answer, keys=keys)]


def test_the_switch_that_the_answer_hangs_on():
    (found,) = deciding_switches(OLD, NEW, lambda one: one.identity.knows_policy, keys=["identity."])

    assert (found.key, found.before, found.after) == ("identity.knowsPolicy", "false", "true")
    assert found.why_before == "the identity rules of pkg/oci/spec_opts.go (containerd-1.6)"
    assert "KEP-3619" in found.why_after


def test_equal_answers_have_no_reason():
    assert keys_of(lambda one: one.identity.algorithm, "identity.") == []


def test_a_switch_of_the_profile_itself():
    assert keys_of(lambda one: one.pause_image, "pauseImage") == ["pauseImage"]


def test_only_the_keys_that_are_asked_for():
    assert keys_of(lambda one: (one.pause_image, one.identity.knows_policy), "pauseImage") == ["pauseImage"]


def test_either_of_two_is_enough():
    def answer(one):
        return one.identity.knows_policy or one.status.supplemental_groups_policy is not None

    found = keys_of(answer, "identity.knowsPolicy", "status.supplementalGroupsPolicy")

    assert set(found) == {"identity.knowsPolicy", "status.supplementalGroupsPolicy"}


def test_both_of_two_are_needed():
    found = keys_of(
        lambda one: one.identity.knows_policy and one.status.supplemental_groups_policy is True,
        "identity.knowsPolicy",
        "status.supplementalGroupsPolicy",
    )

    assert set(found) == {"identity.knowsPolicy", "status.supplementalGroupsPolicy"}


def test_where_no_switch_decides_alone_all_that_differ_are_given():
    # The name is no switch, so nothing that is moved changes it.
    found = keys_of(lambda one: one.name, "identity.")

    assert "identity.knowsPolicy" in found
    assert len(found) > 1
