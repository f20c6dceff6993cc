"""From a pod and its images to the identity of each container, and why, without running anything."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue
from kubesim.model import k8s_v1 as v1
from kubesim.node.explained_container import ExplainedContainer, ExplainedNode, ImageNotAtHand
from kubesim.node.identity_explained import explain_identities
from kubesim.node.node import Node
from kubesim.node.sources import pod_manifests
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.unseen_identity import UnseenIdentity
from kubesim.runtime.profiles import load_profile

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
STRICT = {"run_as_user": 1000, "supplemental_groups_policy": "Strict"}


def pod(image: str = AGNHOST, **context: object) -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default", uid="u"),
        spec=v1.PodSpec(
            security_context=v1.PodSecurityContext(**context),  # type: ignore[arg-type]  # typed where it is called
            containers=[v1.Container(name="ctr", image=image, command=["sleep", "1h"])],
        ),
    )


def node(profile: str = "containerd-2.3", *, kubelet: str = "1.36", **more: Any) -> ExplainedNode:
    gates = resolve_gates(kubelet, more.pop("gates", {}))
    return ExplainedNode(profile=load_profile(profile), kubelet_version=kubelet, gates=gates, **more)


def explain(one: v1.Pod, where: ExplainedNode | None = None, images: tuple[Path, ...] = ()) -> ExplainedContainer:
    (found,) = explain_identities(one, where or node(), load_catalogue(images))
    return found


def fixture(folder: Path, spec: str) -> tuple[str, tuple[Path, ...]]:
    file = folder / "image.yaml"
    file.write_text(f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: example.com/own:1}}\nspec: {spec}\n")
    return "example.com/own:1", (file,)


def test_groups_that_the_manifest_hides_are_named() -> None:
    found = explain(pod(run_as_user=1000, run_as_group=3000, supplemental_groups=[4000]))

    assert found.identity is not None
    assert (found.identity.uid, found.identity.gid) == (1000, 3000)
    assert found.identity.supplemental_groups == (3000, 4000, 50000)
    assert found.unseen == UnseenIdentity(uid=False, gid=False, groups=(50000,))
    assert found.strict is not None
    assert (found.strict.removed, found.strict.is_known, found.policy) == ((50000,), True, "Merge")


def test_the_primary_gid_of_the_image_is_not_in_the_manifest_either() -> None:
    found = explain(pod(run_as_user=1000))

    assert found.unseen == UnseenIdentity(uid=False, gid=True, groups=(1000, 50000))
    assert explain(pod(BUSYBOX)).unseen == UnseenIdentity(uid=True, gid=True, groups=(0, 10))


def test_strict_hides_nothing_but_the_primary_gid() -> None:
    found = explain(pod(run_as_group=3000, **STRICT))

    assert found.identity is not None
    assert found.identity.supplemental_groups == (3000,)
    assert found.unseen == UnseenIdentity(uid=False, gid=False, groups=())
    assert found.strict is not None
    assert (found.strict.removed, found.policy) == ((), "Strict")


def test_what_strict_would_remove_under_a_runtime_that_does_not_know_it() -> None:
    found = explain(pod(run_as_user=1000), node("containerd-1.7"))

    assert found.strict is not None
    assert (found.strict.is_known, found.strict.removed) == (False, (50000,))


def test_fs_group_comes_first_and_the_kubelet_has_the_first_word() -> None:
    found = explain(pod(run_as_user=1000, fs_group=7, supplemental_groups=[4]), node("cri-o-1.36"))

    assert found.identity is not None
    assert found.identity.supplemental_groups == (1000, 50000, 7, 4)
    assert [step.rule for step in found.kubelet_steps] == [
        "image-user",
        "run-as-user",
        "run-as-group",
        "fs-group",
        "supplemental-groups",
        "policy",
    ]


def test_a_refusal_of_the_kubelet() -> None:
    found = explain(pod(BUSYBOX, run_as_non_root=True))

    assert (found.identity, found.unseen, found.strict, found.runtime_steps) == (None, None, None, ())
    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("kubelet", "CreateContainerConfigError")
    assert found.refusal.message == (
        'container has runAsNonRoot and image will run as root (pod: "p_default(u)", container: ctr)'
    )
    assert found.kubelet_steps[-1].outcome == "refused"


def test_a_policy_that_does_not_exist() -> None:
    found = explain(pod(supplemental_groups_policy="Loose"))

    assert found.refusal is not None
    assert found.refusal.message == "unsupported supplementalGroupsPolicy: Loose"


def test_a_refusal_of_the_runtime_has_the_steps_up_to_it(tmp_path: Path) -> None:
    name, images = fixture(tmp_path, "{user: ghost, files: {}}")
    found = explain(pod(name), images=images)

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("runtime", "CreateContainerError")
    assert found.refusal.message == "failed to create containerd container: lstat etc: file does not exist"
    assert [(step.rule, step.outcome) for step in found.runtime_steps] == [("user-string", "note"), ("user", "refused")]
    assert found.strict is not None
    assert found.strict.identity is None


def test_strict_may_pass_where_merge_is_refused(tmp_path: Path) -> None:
    name, images = fixture(tmp_path, f'{{files: {{/etc/passwd: "root:x:0:0", /etc/group: "{"x" * (10 << 20)}:x:1:"}}}}')
    found = explain(pod(name), images=images)

    assert found.refusal is not None
    assert found.refusal.message.endswith('"etc/group" exceeds 10485760 bytes')
    assert found.strict is not None
    assert found.strict.identity is not None
    assert found.strict.identity.supplemental_groups == (0,)


# -- Strict on a node without the feature ---------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["containerd-1.7", "cri-o-1.30"])
def test_strict_is_rejected_where_the_node_lacks_the_feature(profile: str) -> None:
    found = explain(pod(**STRICT), node(profile))

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("kubelet", "SupplementalGroupsPolicyNotSupported")
    assert found.refusal.message == "Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node"
    assert [(step.rule, step.outcome) for step in found.kubelet_steps] == [("admission", "refused")]


def test_strict_is_merged_in_silence_before_1_33() -> None:
    found = explain(pod(**STRICT), node("containerd-1.7", kubelet="1.32", gates={"SupplementalGroupsPolicy": True}))

    assert found.identity is not None
    assert found.identity.supplemental_groups == (1000, 50000)
    assert found.kubelet_steps[0].rule == "admission"
    assert [step.outcome for step in found.runtime_steps if step.rule == "policy-ignored"] == ["note"]


def test_strict_is_dropped_by_the_api_server_while_its_gate_is_off() -> None:
    found = explain(pod(**STRICT), node(kubelet="1.32"))

    assert found.identity is not None
    assert (found.policy, found.identity.supplemental_groups) == ("Merge", (1000, 50000))
    assert (found.kubelet_steps[0].rule, found.kubelet_steps[0].outcome) == ("feature-gate", "left-out")


# -- Windows --------------------------------------------------------------------------------------------------


def windows_pod(pod_name: str | None = None, own_name: str | None = None, *, non_root: bool = False) -> v1.Pod:
    def options(name: str | None) -> v1.WindowsSecurityContextOptions:
        return v1.WindowsSecurityContextOptions(run_as_user_name=name)

    container = v1.Container(
        name="ctr",
        image=AGNHOST,
        security_context=v1.SecurityContext(windows_options=options(own_name), run_as_non_root=non_root),
    )
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default", uid="u"),
        spec=v1.PodSpec(
            os=v1.PodOS(name="windows"),
            security_context=v1.PodSecurityContext(windows_options=options(pod_name)),
            containers=[container],
        ),
    )


@pytest.mark.parametrize(
    ("names", "username"), [((None, None), ""), (("ContainerUser", None), "ContainerUser"), (("a", "b"), "b")]
)
def test_a_windows_pod_has_a_user_name_and_no_ids(names: tuple[str | None, str | None], username: str) -> None:
    found = explain(windows_pod(*names))

    assert (found.os, found.username, found.identity, found.refusal, found.policy) == (
        "windows",
        username,
        None,
        None,
        "",
    )
    assert [step.rule for step in found.runtime_steps] == ["user-name"]


def test_the_user_of_the_image_is_the_last_to_be_asked_on_windows(tmp_path: Path) -> None:
    name, images = fixture(tmp_path, "{user: '1000'}")
    one = windows_pod()
    one.spec.containers[0] = v1.Container(name="ctr", image=name)
    found = explain(one, images=images)

    # The kubelet sends no name for a numeric USER, and containerd takes what the image has.
    assert found.username == "1000"
    assert "has no run_as_username" in found.runtime_steps[0].text


def test_an_administrator_is_no_non_root_user() -> None:
    found = explain(windows_pod("containeradministrator", non_root=True))

    assert found.refusal is not None
    assert found.refusal.message == (
        "container's runAsUserName (containeradministrator) which will be regarded as root identity and will break "
        'non-root policy (pod: "p_default(u)", container: ctr)'
    )


def test_a_pod_of_another_system_is_rejected() -> None:
    found = explain(windows_pod(), node(os="linux"))

    assert found.refusal is not None
    assert (found.refusal.reason, found.refusal.by) == ("PodOSNotSupported", "kubelet")


def test_a_runtime_that_has_no_build_for_windows() -> None:
    with pytest.raises(InputError, match=r"default/p: cri-o has no build for windows"):
        explain(windows_pod(), node("cri-o-1.36"))


# -- pods and images ------------------------------------------------------------------------------------------


def test_all_containers_of_a_pod_in_the_order_in_which_they_start() -> None:
    one = v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"),
        spec=v1.PodSpec(
            init_containers=[v1.Container(name="a", image=BUSYBOX)],
            containers=[v1.Container(name="b", image=BUSYBOX)],
            ephemeral_containers=[v1.EphemeralContainer(name="c", image=BUSYBOX)],
        ),
    )
    found = explain_identities(one, node(), load_catalogue([]))

    assert [(each.container, each.kind) for each in found] == [
        ("a", "init container"),
        ("b", "container"),
        ("c", "ephemeral container"),
    ]


def test_steps_name_the_lines_of_the_manifest(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  securityContext:\n    runAsUser: 7\n"
        f"  containers:\n    - name: c\n      image: {BUSYBOX}\n      securityContext:\n        runAsGroup: 8\n"
    )
    (manifest,) = pod_manifests(file, kubelet_version="1.36")
    (found,) = explain_identities(manifest, node(), load_catalogue([]))

    places = {step.rule: (step.file, step.line) for step in found.kubelet_steps}
    assert places["run-as-user"] == (str(file), 6)
    assert places["run-as-group"] == (str(file), 11)


def test_the_home_of_the_process_counts_for_crio(tmp_path: Path) -> None:
    name, images = fixture(tmp_path, '{env: {HOME: "/\\n"}}')
    found = explain(pod(name), node("cri-o-1.36"), images)

    assert found.refusal is not None
    assert found.refusal.message == "invalid HOME environment; newline not allowed"


def test_an_image_that_nobody_has() -> None:
    with pytest.raises(ImageNotAtHand, match=r"example\.com/x: no fixture holds this image.*; give it with --images"):
        explain(pod("example.com/x"))


def test_a_name_that_is_none_is_refused_by_the_kubelet() -> None:
    found = explain(pod("Not A Name"))

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("kubelet", "InvalidImageName")
    assert found.refusal.message.startswith(
        'Failed to apply default image tag "Not A Name": couldn\'t parse image name'
    )
    assert [(step.rule, step.outcome) for step in found.kubelet_steps] == [("image", "refused")]


def test_an_artifact_is_no_image_of_a_container() -> None:
    with pytest.raises(InputError, match="this is an artifact, no container image; it can be an image volume"):
        explain(pod("registry.example/artifact-titles:v1"))


@pytest.mark.parametrize("profile", ["containerd-1.7", "containerd-2.3", "cri-o-1.30", "cri-o-1.36", "ideal"])
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"run_as_user": 1000},
        {"run_as_user": 1000, "run_as_group": 3000, "supplemental_groups": [4000]},
        {"run_as_user": 4711, "supplemental_groups": [7, 8], "fs_group": 9},
    ],
    ids=repr,
)
def test_what_is_explained_is_what_a_pod_gets(profile: str, context: dict[str, Any]) -> None:
    found = explain(pod(**context), node(profile))
    with Node(profile=profile) as real:
        fields = {
            "run_as_user": "runAsUser",
            "run_as_group": "runAsGroup",
            "supplemental_groups": "supplementalGroups",
            "fs_group": "fsGroup",
        }
        real.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "p"},
                "spec": {
                    "securityContext": {fields[name]: value for name, value in context.items()},
                    "containers": [{"name": "ctr", "image": AGNHOST, "command": ["sleep", "1h"]}],
                },
            }
        )
        real.advance("5s")
        printed = real.exec("default/p", ["id", "-G"]).stdout.decode().split()
        uid = real.exec("default/p", ["id", "-u"]).stdout.decode().strip()

    assert found.identity is not None
    assert uid == str(found.identity.uid)
    # `id -G` lists the primary group first, even when the list that the process got does not hold it.
    assert {int(gid) for gid in printed} == {found.identity.gid, *found.identity.supplemental_groups}
