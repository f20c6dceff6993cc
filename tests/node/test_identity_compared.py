"""One container under two profiles: what differs, the steps that do, and the switch that decides."""

from pathlib import Path

import pytest

from kubesim.images.fixtures import load_catalogue
from kubesim.model import k8s_v1 as v1
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.identity_compared import ComparedIdentity, compare_container
from kubesim.runtime.profiles import load_profile

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def compare(
    before: str, after: str, *, user: str = "", folder: Path | None = None, **context: object
) -> ComparedIdentity:
    images = []
    name = AGNHOST
    if folder is not None:
        name = "example.com/own:1"
        images = [folder / "image.yaml"]
        images[0].write_text(
            f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: {name}}}\nspec:\n  user: '{user}'\n"
            "  files: {/etc/passwd: \"root:x:0:0\\n'99999999999':x:0:0\\napp:x:7:8\", /etc/group: 'a:x:9:app'}\n"
        )
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"),
        spec=v1.PodSpec(
            security_context=v1.PodSecurityContext(**context),  # type: ignore[arg-type]  # typed where it is called
            containers=[v1.Container(name="ctr", image=name)],
        ),
    )
    nodes = [ExplainedNode(profile=load_profile(profile)) for profile in (before, after)]
    return compare_container(pod, ("spec", "containers", 0), nodes[0], nodes[1], load_catalogue(images))


def test_equal_answers_have_no_reasons() -> None:
    found = compare("containerd-2.2", "containerd-2.3", run_as_user=1000)

    assert (found.change, found.is_different) == ("same", False)
    assert (found.only_before, found.only_after, found.switches) == ((), (), ())


def test_the_same_groups_in_another_order_are_no_difference() -> None:
    found = compare("containerd-2.3", "cri-o-1.36", run_as_user=1000, fs_group=7)

    assert (found.change, found.is_different) == ("order", False)
    assert found.before.identity is not None
    assert found.after.identity is not None
    assert found.before.identity.supplemental_groups == (7, 1000, 50000)
    assert found.after.identity.supplemental_groups == (1000, 50000, 7)
    assert [one.key for one in found.switches] == ["identity.algorithm"]


def test_a_user_of_the_image_that_is_too_large(tmp_path: Path) -> None:
    found = compare("containerd-2.0.3", "containerd-2.3", user="4294967296", folder=tmp_path)

    # The kubelet sends the uid that ImageStatus reports.
    assert (found.change, found.is_different) == ("refused", True)
    assert found.before.identity is not None
    assert found.before.identity.uid == 0
    assert found.after.refusal is not None
    assert found.after.refusal.message.endswith('invalid USER value "4294967296": uid out of range')
    assert [(step.rule, step.outcome) for step in found.only_after] == [("overflow", "refused")]
    (switch,) = found.switches
    assert (switch.key, switch.before, switch.after) == ("identity.numericOverflow", "wraps", "error")
    assert "CVE-2024-40635" in switch.why_before
    assert "CVE-2026-46680" in switch.why_after


def test_an_upgrade_back_allows_what_was_refused(tmp_path: Path) -> None:
    found = compare("containerd-2.3", "containerd-2.0.3", user="4294967296", folder=tmp_path)

    assert (found.change, found.is_different) == ("allowed", True)


def test_both_refuse_in_other_words(tmp_path: Path) -> None:
    found = compare("containerd-2.3", "cri-o-1.36", user="ghost", folder=tmp_path)

    assert (found.change, found.is_different) == ("message", True)


def test_strict_that_one_node_rejects() -> None:
    found = compare("containerd-1.7", "containerd-2.3", run_as_user=1000, supplemental_groups_policy="Strict")

    assert found.change == "allowed"
    assert "status.supplementalGroupsPolicy" in [one.key for one in found.switches]
    assert [step.rule for step in found.only_before] == ["admission"]


def test_the_primary_gid_that_an_old_containerd_forgot() -> None:
    found = compare("containerd-1.6.17", "containerd-1.6", run_as_user=1000, run_as_group=3000)

    assert found.change == "identity"
    assert found.before.identity is not None
    assert found.before.identity.supplemental_groups == (50000,)
    assert [one.key for one in found.switches] == ["identity.includesPrimaryGid"]
    assert [(step.rule, step.outcome) for step in found.only_after] == [("primary-gid", "added")]


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3"])
def test_windows_has_a_name_only(profile: str) -> None:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"),
        spec=v1.PodSpec(os=v1.PodOS(name="windows"), containers=[v1.Container(name="ctr", image=AGNHOST)]),
    )
    node = ExplainedNode(profile=load_profile(profile))
    other = ExplainedNode(profile=load_profile("containerd-2.0"))
    found = compare_container(pod, ("spec", "containers", 0), node, other, load_catalogue([]))

    assert found.change == "same"
