"""The rules of checkpoints: places, selections of containers, and the configuration of what is restored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.checkpoint import (
    configs_fault,
    missing_mounts,
    path_fault,
    restored_annotations,
    selection_fault,
)

POD_UID = "io.kubernetes.pod.uid"
HASH = "io.kubernetes.container.hash"
RESTARTS = "io.kubernetes.container.restartCount"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/var/lib/kubelet/checkpoints/a.tar", ""),
        ("/a..b/..c", ""),
        ("/", ""),
        ("", "it is empty"),
        ("a.tar", "it is not an absolute path"),
        ("./a.tar", "it is not an absolute path"),
        ("/a/../b", 'it holds ".."'),
        ("/..", 'it holds ".."'),
    ],
)
def test_a_place_on_the_node(path: str, fault: str) -> None:
    assert path_fault(path) == fault


@pytest.mark.parametrize(
    ("asked", "running", "fault"),
    [
        (["a"], ["a"], ""),
        (["b", "a"], ["a", "b"], ""),
        ([], ["a"], "no container is named"),
        ([], [], "no container is named"),
        (["a", "b", "a"], ["a", "b"], "container a is named twice"),
        (["a", "x"], ["a"], "container x does not run in the pod"),
        (["b"], ["c", "b", "a"], "running container a is not named"),
    ],
)
def test_a_pod_checkpoint_names_exactly_the_running_containers(
    asked: list[str], running: list[str], fault: str
) -> None:
    assert selection_fault(asked=asked, running=running) == fault


@given(st.lists(st.sampled_from("abc")), st.sets(st.sampled_from("abc")))
def test_a_selection_without_fault_is_the_set_itself(asked: list[str], running: set[str]) -> None:
    is_right = bool(asked) and sorted(asked) == sorted(running)

    assert (selection_fault(asked=asked, running=running) == "") is is_right


@pytest.mark.parametrize(
    ("asked", "checkpointed", "fault"),
    [
        (["web", "db"], ["db", "web"], ""),
        ([], [], ""),
        (["web", "web"], ["web"], "two configs have the name 'web'"),
        (["web", "x"], ["web"], "the checkpoint has no container 'x'"),
        (["web"], ["web", "db"], "container 'db' of the checkpoint has no config"),
        ([], ["web"], "container 'web' of the checkpoint has no config"),
    ],
)
def test_each_container_of_a_checkpoint_has_its_config(asked: list[str], checkpointed: list[str], fault: str) -> None:
    assert configs_fault(asked=asked, checkpointed=checkpointed) == fault


def test_every_mount_of_the_checkpoint_must_come_with_the_request() -> None:
    missing = missing_mounts(checkpointed=["/data", "/etc/hosts", "/etc/hostname", "/dev/shm"], requested=["/data"])

    assert missing == ("/etc/hosts",)


def annotations(dialect: str, **changes: object) -> dict[str, str]:
    facts: dict[str, object] = {
        "checkpointed": {"own": "1", POD_UID: "old", HASH: "old", RESTARTS: "0"},
        "requested": {"other": "2", HASH: "new", RESTARTS: "3"},
        "pod_uid": "new",
        "checkpointed_at": "2026-01-01T00:00:00Z",
        "checkpoint_image": "web:checkpoint",
    }
    return restored_annotations(dialect, **(facts | changes))  # type: ignore[arg-type]  # keyword by keyword


def test_containerd_marks_what_it_restored() -> None:
    assert annotations("annotated") == {
        "own": "1",
        POD_UID: "new",
        HASH: "new",
        RESTARTS: "3",
        "restored": "true",
        "checkpointedAt": "2026-01-01T00:00:00Z",
        "checkpointImage": "web:checkpoint",
    }


def test_crio_renews_uid_and_hash_only() -> None:
    assert annotations("rebuilt") == {"own": "1", POD_UID: "new", HASH: "new", RESTARTS: "0"}


def test_nothing_is_renewed_that_one_side_does_not_have() -> None:
    assert annotations("rebuilt", checkpointed={"own": "1"}) == {"own": "1"}
    assert annotations("rebuilt", requested={}, pod_uid="") == {"own": "1", POD_UID: "old", HASH: "old", RESTARTS: "0"}
