"""CreateContainer from the archive of a checkpoint, or from an image made of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.images.oci import ImageConfig
from kubesim.images.tree import file_node
from kubesim.model.frozen_records import replace

BUSYBOX = "registry.example/busybox:1"


# -- restoring one ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["containerd-2.1", "containerd-2.3", "cri-o-1.30", "cri-o-1.36", "ideal"])
def test_a_container_comes_back_with_its_files(checkpoints: Any, new_node: Callable[..., Any], profile: str) -> None:
    node = new_node(profile)
    work = "[ -e /seen ] && echo again >> /seen || echo first > /seen; rm -f /etc/group; mkdir -p /d; echo x > /d/x"
    ctr = checkpoints.running(node, work)
    node.do(checkpoints.taking(node, ctr))
    node.do(node.removing(ctr))

    again = checkpoints.restored(node)
    assert node.status(again).state == api.CONTAINER_CREATED
    node.do(node.starting(again))
    node.advance(1)

    # The first process starts anew, on the files that its former self left.
    assert checkpoints.out(node, again, "cat /seen /d/x") == "first\nagain\nx\n"
    assert checkpoints.out(node, again, "[ -e /etc/group ] || echo gone") == "gone\n"


def test_the_process_is_the_one_of_the_checkpoint(checkpoints: Any, node: Any) -> None:
    pod_config = node.pod_config()
    config = node.container_config(
        "sh",
        "-c",
        'echo "$WHO $(pwd)" > /tmp/said; sleep 1000',
        envs=[api.KeyValue(key="WHO", value=b"me\xff")],
        working_dir="/work",
    )
    config.linux.security_context.run_as_user.value = 1000
    node.files.make_dirs("/checkpoints")
    ctr = node.create(node.run_pod(pod_config), config)
    node.do(node.starting(ctr))
    node.do(checkpoints.taking(node, ctr))

    again = checkpoints.restored(node)
    node.do(node.starting(again))

    container = node.runtime._daemon.containers.get(again)
    assert container.plan == node.runtime._daemon.containers.get(ctr).plan
    assert container.identity.uid == 1000
    assert checkpoints.out(node, again, "id -u; pwd") == "1000\n/work\n"


def test_the_log_goes_on_where_it_was(checkpoints: Any, node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    ctr = checkpoints.running(node, "echo said", pod=node.run_pod(pod_config), log_path="0.log", pod_config=pod_config)
    node.do(checkpoints.taking(node, ctr))

    other = node.pod_config("other", log_directory="/other")
    again = node.create(node.run_pod(other), node.container_config(image=checkpoints.place, log_path="1.log"), other)
    assert node.files.read("/other/1.log") == node.files.read("/logs/0.log")
    node.do(node.starting(again))
    node.advance(1)

    lines = node.files.read("/other/1.log").splitlines()
    assert [line.rpartition(b" ")[2] for line in lines] == [b"said", b"said"]


def test_containerd_marks_the_restored_container(checkpoints: Any, node: Any) -> None:
    labels = {"io.kubernetes.container.name": "ctr"}
    notes = {"own": "1", "io.kubernetes.container.hash": "old", "io.kubernetes.container.restartCount": "0"}
    ctr = checkpoints.running(node, labels=labels, annotations=notes)
    node.do(checkpoints.taking(node, ctr))
    at = json.loads(checkpoints.members(node)["config.dump"])["checkpointedTime"]

    again = checkpoints.restored(node, annotations={"io.kubernetes.container.hash": "new"}, labels={"fresh": "yes"})

    status = node.status(again)
    assert dict(status.annotations) == {
        "own": "1",
        "io.kubernetes.container.hash": "new",
        "io.kubernetes.container.restartCount": "0",
        "restored": "true",
        "checkpointedAt": at,
        "checkpointImage": "",
    }
    assert dict(status.labels) == {"fresh": "yes"}
    assert status.image.image == BUSYBOX
    assert status.image_ref == node.status(ctr).image_ref


def test_crio_rebuilds_the_config_and_says_so_in_its_info(checkpoints: Any, crio: Any) -> None:
    def info(ctr: str) -> dict[str, Any]:
        request = api.ContainerStatusRequest(container_id=ctr, verbose=True)
        found: dict[str, Any] = json.loads(crio.do(crio.cri.container_status(request)).info["info"])
        return found

    ctr = checkpoints.running(crio, annotations={"own": "1"})
    assert (info(ctr)["checkpointedAt"], info(ctr)["restored"]) == ("0001-01-01T00:00:00Z", False)
    crio.do(checkpoints.taking(crio, ctr))
    at = json.loads(checkpoints.members(crio)["config.dump"])["checkpointedTime"]

    again = checkpoints.restored(crio, labels={"fresh": "yes"}, annotations={"new": "2"})

    assert (info(again)["checkpointedAt"], info(again)["restored"]) == (at, True)
    assert dict(crio.status(again).annotations) == {"own": "1"}
    assert dict(crio.status(again).labels) == {"fresh": "yes"}


def test_crio_wants_every_mount_of_the_checkpoint(checkpoints: Any, crio: Any) -> None:
    crio.files.make_dirs("/volume")
    mounts = [api.Mount(container_path="/data", host_path="/volume")]
    ctr = checkpoints.running(crio, mounts=mounts)
    crio.do(checkpoints.taking(crio, ctr))
    config = crio.pod_config("other")
    pod = crio.run_pod(config)

    error = crio.refused(crio.creating(pod, crio.container_config(image=checkpoints.place), config))
    assert error.message == f'restoring "{checkpoints.place}" expects following bind mounts defined (/data)'
    assert crio.containers(pod_sandbox_id=pod) == []

    again = crio.create(pod, crio.container_config(image=checkpoints.place, mounts=mounts), config)
    assert [mount.container_path for mount in crio.status(again).mounts] == ["/data"]


def test_a_restored_container_can_be_checkpointed_again(checkpoints: Any, node: Any) -> None:
    ctr = checkpoints.running(node, "echo x >> /count")
    node.do(checkpoints.taking(node, ctr))
    for pod_name in ("second", "third"):
        again = checkpoints.restored(node, pod_name)
        node.do(node.starting(again))
        node.advance(1)
        node.do(checkpoints.taking(node, again))

    assert checkpoints.out(node, again, "cat /count") == "x\nx\nx\n"
    assert json.loads(checkpoints.members(node)["config.dump"])["restored"] is True


def test_containerd_pulls_the_image_that_the_node_lost(checkpoints: Any, node: Any) -> None:
    ctr = checkpoints.running(node, "echo x > /x")
    node.do(checkpoints.taking(node, ctr))
    node.do(node.removing(ctr))
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=BUSYBOX))))

    again = checkpoints.restored(node)
    node.do(node.starting(again))

    assert checkpoints.out(node, again, "cat /x") == "x\n"


def test_crio_does_not_pull(checkpoints: Any, crio: Any) -> None:
    ctr = checkpoints.running(crio)
    crio.do(checkpoints.taking(crio, ctr))
    crio.do(crio.removing(ctr))
    crio.do(crio.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=BUSYBOX))))
    config = crio.pod_config("other")

    error = crio.refused(crio.creating(crio.run_pod(config), crio.container_config(image=checkpoints.place), config))

    assert error.message == f'locating image with ID "{BUSYBOX}": image not known'


def test_an_image_that_is_another_now_is_not_taken(
    checkpoints: Any, node: Any, new_node: Callable[..., Any], new_image: Any
) -> None:
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    other = new_node(images=(new_image(BUSYBOX, marker="other"),))
    other.files.make_dirs("/checkpoints")
    other.files.write(checkpoints.place, node.files.read(checkpoints.place))
    config = other.pod_config()

    error = other.refused(
        other.creating(other.run_pod(config), other.container_config(image=checkpoints.place), config)
    )

    assert error.message.startswith("failed to pull checkpoint base image registry.example/busybox@sha256:")
    assert other.containers() == []


def test_an_image_that_only_claims_to_be_the_same_is_not_taken(
    checkpoints: Any, new_node: Callable[..., Any], new_image: Callable[..., Any]
) -> None:
    digest = f"sha256:{'a' * 64}"
    taken, claimed = (replace(new_image(BUSYBOX, marker=marker), digest=digest) for marker in ("taken", "claimed"))
    node, other = new_node(images=(taken,)), new_node(images=(replace(claimed, is_present=False),))
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    other.files.make_dirs("/checkpoints")
    other.files.write(checkpoints.place, node.files.read(checkpoints.place))
    config = other.pod_config()

    error = other.refused(
        other.creating(other.run_pod(config), other.container_config(image=checkpoints.place), config)
    )

    assert error.message == (
        f"failed to get checkpoint base image registry.example/busybox@{digest}: it is {claimed.id}, and the "
        f"checkpoint was taken of {taken.id}"
    )


def test_an_image_made_of_a_checkpoint_restores(checkpoints: Any, node: Any, new_image: Callable[..., Any]) -> None:
    ctr = checkpoints.running(node, "echo x > /x")
    node.do(checkpoints.taking(node, ctr))
    files = {f"/{name}": file_node(content) for name, content in checkpoints.members(node).items()}
    checkpoint_image = new_image("registry.example/saved:1", files=files, config=ImageConfig())
    note = ("org.criu.checkpoint.container.name", "ctr")
    node.runtime.add_image(replace(checkpoint_image, annotations=(note,)))

    again = checkpoints.restored(node, source="registry.example/saved:1")
    node.do(node.starting(again))

    assert checkpoints.out(node, again, "cat /x") == "x\n"


def test_older_versions_take_a_path_for_an_image_name(checkpoints: Any, new_node: Callable[..., Any]) -> None:
    node = new_node("containerd-2.0")
    node.do(checkpoints.taking(node, checkpoints.running(node)))
    config = node.pod_config("other")

    error = node.refused(node.creating(node.run_pod(config), node.container_config(image=checkpoints.place), config))

    assert error.message == f'failed to resolve image "{checkpoints.place}": not found'
