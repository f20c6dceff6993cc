"""Checkpoints over a real socket and on a real disk: written by one server, restored by another."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


def pod_config(name: str) -> api.PodSandboxConfig:
    return api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name=name, uid=f"uid-{name}", namespace="ns"))


def container_config(name: str, *command: str, image: str = BUSYBOX) -> api.ContainerConfig:
    return api.ContainerConfig(
        metadata=api.ContainerMetadata(name=name), image=api.ImageSpec(image=image), command=command
    )


def ask(address: str, what: Callable[[CriClient], Coroutine[Any, Any, Any]]) -> Any:
    async def main(_kernel: Kernel, cri: GrpcCri) -> Any:
        return await what(CriClient(cri))

    return run_over_socket(address, main)


async def start(client: CriClient, ctr: str) -> None:
    await client.start_container(api.StartContainerRequest(container_id=ctr))


async def pod_that_wrote(client: CriClient, name: str) -> tuple[str, str]:
    """A running container that has left a file behind."""
    await client.pull_image(api.PullImageRequest(image=api.ImageSpec(image=BUSYBOX)))
    config = pod_config(name)
    pod = (await client.run_pod_sandbox(api.RunPodSandboxRequest(config=config))).pod_sandbox_id
    request = api.CreateContainerRequest(
        pod_sandbox_id=pod, config=container_config("web", "sleep", "1000"), sandbox_config=config
    )
    ctr = (await client.create_container(request)).container_id
    await start(client, ctr)
    await client.exec_sync(api.ExecSyncRequest(container_id=ctr, cmd=["sh", "-c", "echo kept > /file; rm /etc/group"]))
    return pod, ctr


async def seen(client: CriClient, ctr: str) -> tuple[str, int]:
    await start(client, ctr)
    answer = await client.exec_sync(
        api.ExecSyncRequest(container_id=ctr, cmd=["sh", "-c", "cat /file; test -e /etc/group"])
    )
    return answer.stdout.decode(), answer.exit_code


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_an_archive_is_restored_by_another_server(serve: Callable[..., Any], folder: Path, profile: str) -> None:
    archive = folder / "c.tar"

    async def take(client: CriClient) -> None:
        _, ctr = await pod_that_wrote(client, "first")
        await client.checkpoint_container(
            api.CheckpointContainerRequest(container_id=ctr, location=str(archive), timeout=10)
        )

    async def restore(client: CriClient) -> tuple[str, int]:
        await client.pull_image(api.PullImageRequest(image=api.ImageSpec(image=BUSYBOX)))
        config = pod_config("second")
        pod = (await client.run_pod_sandbox(api.RunPodSandboxRequest(config=config))).pod_sandbox_id
        request = api.CreateContainerRequest(
            pod_sandbox_id=pod, config=container_config("web", image=str(archive)), sandbox_config=config
        )
        return await seen(client, (await client.create_container(request)).container_id)

    first = serve("--profile", profile)
    ask(first.address, take)
    assert first.stop() == (0, "")
    assert archive.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["c.tar"]

    second = serve("--profile", profile)
    assert ask(second.address, restore) == ("kept\n", 1)
    assert second.stop() == (0, "")


def test_a_pod_is_restored_by_the_profile_that_can(serve: Callable[..., Any], folder: Path) -> None:
    # A client of a socket always sends a deadline, which these two calls demand.
    place = folder / "pod"
    place.mkdir()

    async def take_and_restore(client: CriClient) -> tuple[str, int]:
        pod, ctr = await pod_that_wrote(client, "first")
        await client.checkpoint_pod(
            api.CheckpointPodRequest(pod_sandbox_id=pod, output_path=str(place), container_ids=[ctr])
        )
        answer = await client.restore_pod(
            api.RestorePodRequest(
                checkpoint_path=str(place), config=pod_config("second"), container_configs=[container_config("web")]
            )
        )
        return await seen(client, answer.restored_containers[0].container_id)

    server = serve("--profile", "ideal")
    assert ask(server.address, take_and_restore) == ("kept\n", 1)
    assert server.stop() == (0, "")
    assert {path.suffix for path in place.iterdir()} == {".tar", ".dump", ".options"}
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    assert json.loads((place / "pod.options").read_text())["containers"][0]["name"] == "web"
