"""From a pod and its images to the identity of each container, and why, without running anything."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.node.identity_explained import ExplainedIdentity, explain_identities, image_user
from kubesim.node.node import Node

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


def pod(image: str = AGNHOST, **context: object) -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="default"),
        spec=v1.PodSpec(
            security_context=v1.PodSecurityContext(**context),  # type: ignore[arg-type]  # typed where it is called
            containers=[v1.Container(name="ctr", image=image, command=["sleep", "1h"])],
        ),
    )


def explain(one: v1.Pod, *, profile: str = "containerd-2.3", images: tuple[Path, ...] = ()) -> ExplainedIdentity:
    (found,) = explain_identities(one, profile=profile, images=images)
    return found


def test_groups_that_the_manifest_hides_are_named() -> None:
    found = explain(pod(run_as_user=1000, run_as_group=3000, supplemental_groups=[4000]))

    assert found.identity is not None
    assert (found.identity.uid, found.identity.gid) == (1000, 3000)
    assert found.identity.supplemental_groups == (3000, 4000, 50000)
    assert (found.hidden_groups, found.removed_by_strict) == ((50000,), (50000,))
    assert found.policy == "Merge"


def test_strict_hides_nothing() -> None:
    found = explain(pod(run_as_user=1000, run_as_group=3000, supplemental_groups_policy="Strict"))

    assert found.identity is not None
    assert found.identity.supplemental_groups == (3000,)
    assert (found.hidden_groups, found.removed_by_strict, found.policy) == ((), (), "Strict")


def test_a_refusal_of_the_kubelet() -> None:
    found = explain(pod(BUSYBOX, run_as_non_root=True))

    assert found.identity is None
    assert found.error.startswith("container has runAsNonRoot and image will run as root")


def test_a_refusal_of_the_runtime(tmp_path: Path) -> None:
    image = tmp_path / "image.yaml"
    image.write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/ghost:1}\nspec: {user: ghost, files: {}}\n"
    )
    found = explain(pod("example.com/ghost:1"), images=(image,))

    assert found.identity is None
    assert found.error == "failed to create containerd container: open etc/passwd: file does not exist"


def test_an_image_that_nobody_has() -> None:
    with pytest.raises(
        InputError, match=r"example\.com/x: no fixture holds this image; give it with --images; known: "
    ):
        explain(pod("example.com/x"))
    with pytest.raises(InputError, match="image 'Not A Name'"):
        explain(pod("Not A Name"))


@pytest.mark.parametrize(
    ("text", "uid", "username"),
    [("", None, ""), ("0", 0, ""), ("1000:50", 1000, ""), ("alice", None, "alice"), ("alice:staff", None, "alice")],
)
def test_user_of_an_image(text: str, uid: int | None, username: str) -> None:
    user = image_user(text)

    assert (user.uid, user.username) == (uid, username)


@pytest.mark.parametrize("profile", ["containerd-1.7", "containerd-2.3", "cri-o-1.30", "cri-o-1.36", "ideal"])
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"run_as_user": 1000},
        {"run_as_user": 1000, "run_as_group": 3000, "supplemental_groups": [4000]},
        {"run_as_user": 4711, "supplemental_groups": [7, 8]},
    ],
    ids=repr,
)
def test_what_is_explained_is_what_a_pod_gets(profile: str, context: dict[str, Any]) -> None:
    found = explain(pod(**context), profile=profile)
    with Node(profile=profile) as node:
        fields = {
            "run_as_user": "runAsUser",
            "run_as_group": "runAsGroup",
            "supplemental_groups": "supplementalGroups",
        }
        node.apply(
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
        node.advance("5s")
        printed = node.exec("default/p", ["id", "-G"]).stdout.decode().split()
        uid = node.exec("default/p", ["id", "-u"]).stdout.decode().strip()

    assert found.identity is not None
    assert uid == str(found.identity.uid)
    # `id -G` lists the primary group first, even when the list that the process got does not hold it.
    assert {int(gid) for gid in printed} == {found.identity.gid, *found.identity.supplemental_groups}
