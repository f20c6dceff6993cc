"""Pods with `hostUsers: false`: the ids they get, on which runtime they run, and what refuses them."""

import json
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.errors import InputError
from kubesim.kubelet.start_error import KubeletStartError

VOLUME = {"name": "v", "image": {"reference": "quay.io/crio/artifact:v1"}}
MOUNT = {"name": "v", "mountPath": "/v"}
REFUSED = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"


def requests(story: Any, method: str) -> list[Any]:
    return [one.request for one in story.node.journal if one.method == method]


def ids(options: api.NamespaceOption) -> tuple[int, int, int]:
    (uids,), (gids,) = options.userns_options.uids, options.userns_options.gids
    assert uids == gids
    return uids.host_id, uids.container_id, uids.length


def test_sandbox_container_and_mounts_have_the_same_ids(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=[MOUNT]), hostUsers=False, volumes=[VOLUME])
    story.run("5s")
    assert story.is_running("a")
    (sandbox,), (container,) = requests(story, "RunPodSandbox"), requests(story, "CreateContainer")
    options = sandbox.config.linux.security_context.namespace_options
    assert options.userns_options.mode == api.POD
    first, inside, length = ids(options)
    assert (first % 65536, first >= 65536, inside, length) == (0, True, 0, 65536)
    assert container.config.linux.security_context.namespace_options.userns_options == options.userns_options
    assert len(container.config.mounts) == 3
    for mount in container.config.mounts:
        assert list(mount.uidMappings) == list(options.userns_options.uids)
        assert list(mount.gidMappings) == list(options.userns_options.gids)
    shown = story.node.exec("default/web", ["cat", "/proc/self/uid_map"]).stdout.split()
    assert [int(one) for one in shown] == [0, first, 65536]
    assert story.node.exec("default/web", ["cat", "/v/file"]).stdout == b"2\n"


def test_other_pods_are_in_the_namespace_of_the_node(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.pod(c("a"), name="asked", hostUsers=True)
    story.run("5s")
    for request in requests(story, "RunPodSandbox"):
        options = request.config.linux.security_context.namespace_options
        assert options.HasField("userns_options")
        assert (options.userns_options.mode, len(options.userns_options.uids)) == (api.NODE, 0)
    assert all(not one.uidMappings for one in requests(story, "CreateContainer")[0].config.mounts)


def test_without_the_gate_nothing_is_said_and_the_field_is_dropped(new_story: Any, c: Any) -> None:
    story = new_story(kubelet_version="1.32")
    story.pod(c("a"), hostUsers=False)
    story.run("5s")
    assert "hostUsers" not in story.node.pod("default/web")["spec"]
    (sandbox,) = requests(story, "RunPodSandbox")
    assert not sandbox.config.linux.security_context.namespace_options.HasField("userns_options")


def test_each_pod_has_its_own_ids_which_are_free_when_it_ends(story: Any, c: Any) -> None:
    for name in "abc":
        story.pod(c("a"), name=name, hostUsers=False)
    story.run("5s")
    given = {ids(one.config.linux.security_context.namespace_options) for one in requests(story, "RunPodSandbox")}
    assert len(given) == 3
    namespaces = story.node._world.kubelet._engine._user_namespaces
    assert len(namespaces._used) == 3
    story.node.delete("default/b", grace_seconds=1)
    story.run("10s")
    assert len(namespaces._used) == 2


def test_a_restarted_kubelet_keeps_the_ids(story: Any, c: Any) -> None:
    story.pod(c("a"), hostUsers=False)
    story.run("5s")
    story.node.restart_kubelet()
    story.exit(1)
    story.run("15s")
    assert story.of("a")["restartCount"] == 1
    assert len(requests(story, "RunPodSandbox")) == 1
    first, second = requests(story, "CreateContainer")
    one, other = (request.config.linux.security_context.namespace_options for request in (first, second))
    assert ids(one) == ids(other)


@pytest.mark.parametrize("profile", ["containerd-1.7", "cri-o-1.29"])
def test_a_runtime_that_does_not_say_that_it_can(new_story: Any, c: Any, profile: str) -> None:
    story = new_story(profile=profile)
    story.pod(c("a"), hostUsers=False)
    story.run("30s")
    text = f"Warning FailedCreatePodSandBox (x3): Failed to create pod sandbox: {REFUSED}"
    assert story.events() == text
    assert story.waiting() == "ContainerCreating: "
    assert requests(story, "RunPodSandbox") == []
    metrics = story.node.metrics()
    assert metrics["kubelet_started_user_namespaced_pods_total"] == 3
    assert metrics["kubelet_started_user_namespaced_pods_errors_total"] == 3


@pytest.mark.parametrize("profile", ["containerd-2.1.6", "containerd-2.2.1"])
def test_image_volume_that_cannot_be_mapped(new_story: Any, c: Any, profile: str) -> None:
    """containerd#12812: the start fails, again and again, and each time there is a new container."""
    story = new_story(profile=profile)
    story.pod(c("a", volumeMounts=[MOUNT]), hostUsers=False, volumes=[VOLUME])
    story.run("2m")
    assert story.waiting().startswith("RunContainerError: ")
    assert "invalid argument" in story.waiting() or "CrashLoopBackOff" in story.waiting()
    starts = [one for one in story.node.journal if one.method == "StartContainer"]
    assert len(starts) >= 4
    assert all(one.error is not None for one in starts)
    assert "Warning Failed a" in story.events()
    metrics = story.node.metrics()
    assert metrics["kubelet_started_user_namespaced_pods_total"] == 1
    assert metrics["kubelet_started_user_namespaced_pods_errors_total"] == 1
    # The mount itself is no failure for the kubelet: the container was created.
    assert metrics["kubelet_image_volume_mounted_errors_total"] == 0


@pytest.mark.parametrize("profile", ["containerd-2.1.7", "containerd-2.2.2", "containerd-2.3", "cri-o-1.36", "ideal"])
def test_image_volume_that_can(new_story: Any, c: Any, profile: str) -> None:
    story = new_story(profile=profile)
    story.pod(c("a", volumeMounts=[MOUNT]), hostUsers=False, volumes=[VOLUME])
    story.run("5s")
    assert story.is_running("a")
    assert story.node.exec("default/web", ["cat", "/v/file"]).stdout == b"2\n"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"hostPID": True}, "spec.HostPID: Forbidden: when `hostUsers` is false"),
        ({"hostIPC": True}, "spec.HostIPC: Forbidden: when `hostUsers` is false"),
        ({"hostNetwork": True}, "spec.hostNetwork: Forbidden: when `hostUsers` is false"),
        ({"os": {"name": "windows"}}, "spec.hostUsers: Forbidden: cannot be set for a windows pod"),
    ],
)
def test_what_does_not_go_with_it(story: Any, c: Any, spec: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        story.pod(c("a"), hostUsers=False, **spec)
    assert text in str(caught.value)


def test_the_network_of_the_node_with_its_gate(new_story: Any, c: Any) -> None:
    gates = {"UserNamespacesHostNetworkSupport": True, "NodeDeclaredFeatures": True}
    story = new_story(config={"featureGates": gates})
    story.pod(c("a"), hostUsers=False, hostNetwork=True)
    story.run("5s")
    (sandbox,) = requests(story, "RunPodSandbox")
    options = sandbox.config.linux.security_context.namespace_options
    assert (options.network, options.userns_options.mode) == (api.NODE, api.POD)


def test_more_ids_for_each_pod(new_story: Any, c: Any) -> None:
    story = new_story(config={"userNamespaces": {"idsPerPod": 131072}})
    story.pod(c("a"), hostUsers=False)
    story.run("5s")
    (sandbox,) = requests(story, "RunPodSandbox")
    first, _, length = ids(sandbox.config.linux.security_context.namespace_options)
    assert (first % 131072, length) == (0, 131072)


def test_too_many_ids_for_each_pod(new_story: Any) -> None:
    with pytest.raises(KubeletStartError, match=r"create user namespace manager: .* not enough to support 110 pods"):
        new_story(config={"userNamespaces": {"idsPerPod": 65536 * 1024}})


def test_a_file_that_somebody_changed(story: Any, c: Any) -> None:
    story.pod(c("a"), hostUsers=False)
    story.run("5s")
    kubelet = story.node._world.kubelet
    uid = story.node.pod("default/web")["metadata"]["uid"]
    files, path = kubelet._host.files, kubelet._directories.user_namespace(uid)
    changed = json.loads(files.read(path))
    changed["uidMappings"][0]["hostId"] = changed["gidMappings"][0]["hostId"] = 65536 * 3
    files.write(path, json.dumps(changed).encode())
    story.exit(1)
    story.run("3s")
    with pytest.raises(KubeletStartError, match="wrong user namespace length"):
        changed["uidMappings"][0]["length"] = changed["gidMappings"][0]["length"] = 1
        files.write(path, json.dumps(changed).encode())
        story.node.restart_kubelet()
