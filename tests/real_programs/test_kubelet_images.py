"""Images of a real kubelet with an API server, and of the emulated one: logins, missing secrets, user namespaces.

The same objects are given to both, over the same runtime; what they ask of it and what they say must be the same.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import kubesim

from .cluster import ControlPlane, Kubectl, pod_of
from .conftest import kubelets, servers, until

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
PRIVATE = "registry.example/team/app:1"
READY_SECONDS = 90
IMAGE = {
    "apiVersion": "kubesim/v1",
    "kind": "Image",
    "metadata": {"name": PRIVATE},
    "spec": {
        "files": {"/bin/": {"userland": "busybox"}},
        "pull": {"credentials": {"username": "bot", "password": "secret"}},
    },
}
REASONS = {"FailedToRetrieveImagePullSecret", "Pulling", "Pulled", "Failed", "Created", "Started"}


def secret(name: str, auths: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    kind = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson"}
    return {**kind, "stringData": {".dockerconfigjson": json.dumps({"auths": auths})}}


def user(name: str, password: str = "wrong") -> dict[str, str]:
    return {"username": name, "password": password}


SECRETS = [
    secret("first", {"registry.example": user("old"), "*.example": user("glob"), "registry.example:443": user("port")}),
    secret("second", {"https://registry.example/v1/team": user("team"), "registry.example/teams": user("teams")}),
    secret("third", {"registry.example": {"auth": "Ym90OnNlY3JldA=="}, "registry.example/te": user("prefix")}),
    secret("broken", {"registry.example": {"auth": "!"}}),
]


def private(name: str, *secrets: str, policy: str = "IfNotPresent") -> dict[str, Any]:
    container = {"name": "a", "image": PRIVATE, "command": ["sleep", "1h"], "imagePullPolicy": policy}
    return pod_of(name, container, imagePullSecrets=[{"name": one} for one in secrets])


def mapped() -> dict[str, Any]:
    container = {"name": "a", "image": BUSYBOX, "command": ["sleep", "1h"]}
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "v", "mountPath": "/w", "subPath": "dir"}]
    volumes = [{"name": "v", "image": {"reference": "quay.io/crio/artifact:v1"}}]
    return pod_of("mapped", {**container, "volumeMounts": mounts}, hostUsers=False, volumes=volumes)


PODS = [
    private("logins", "first", "second", "third"),
    private("wrong", "first", "gone", "away", policy="Always"),
    private("broken", "broken", policy="Always"),
    mapped(),
]
AFTERWARDS = private("thief")
"""Its image is on the node, but it has no login."""


def described(events: Iterable[Mapping[str, Any]]) -> set[str]:
    """What was said about each pod, without times, sizes and counts."""
    found = set()
    for event in events:
        about = event["involvedObject"]
        if about["kind"] != "Pod" or event["reason"] not in REASONS:
            continue
        message = re.sub(
            r" in [0-9.]+m?s \([0-9.]+m?s including waiting\)\. Image size: \d+ bytes", "", event["message"]
        )
        found.add(f"{about['name']} {about.get('fieldPath', '')} {event['type']} {event['reason']}: {message}")
    return found


def logins(calls: Iterable[Mapping[str, Any]], pod: str) -> list[tuple[str, bool]]:
    """User name and success of the first try of a pod: each login once."""
    found: list[tuple[str, bool]] = []
    for call in calls:
        request = call["request"]
        if call["method"] == "PullImage" and request["sandbox_config"]["metadata"]["name"] == pod:
            entry = (request.get("auth", {}).get("username", ""), "error" not in call)
            if entry in found:
                break
            found.append(entry)
    return found


def mounts(calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mounts of the pod with a user namespace, without what is drawn or lies somewhere."""
    for call in calls:
        config = call["request"].get("config", {})
        if call["method"] != "CreateContainer" or "userns_options" not in json.dumps(config):
            continue
        options = config["linux"]["security_context"]["namespace_options"]["userns_options"]
        if "uids" not in options:
            continue
        assert options["uids"] == options["gids"]
        assert options["uids"][0]["host_id"] % 65536 == 0
        found = []
        for mount in config["mounts"]:
            assert (mount["uidMappings"], mount["gidMappings"]) == (options["uids"], options["gids"])
            shown = {key: mount.get(key) for key in ("container_path", "readonly", "image_sub_path", "propagation")}
            found.append({**shown, "image": mount.get("image", {}).get("image")})
        return found
    return []


def waiting(pod: Mapping[str, Any]) -> str:
    statuses = pod["status"].get("containerStatuses", [])
    if not statuses:
        return "no status yet"
    state = statuses[0]["state"]
    return str(state["waiting"]["reason"]) if "waiting" in state else "running"


@pytest.fixture(scope="module")
def real() -> Iterator[dict[str, Any]]:
    """Events, calls, and the states of the pods, of a real kubelet."""
    names = ("KUBESIM_KUBECTL", "KUBESIM_ETCD", "KUBESIM_APISERVER", "KUBESIM_KUBELET")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} name no binary: the real programs are optional")
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        folder = Path(name)
        (folder / "image.yaml").write_text(json.dumps(IMAGE))
        journal = folder / "journal.jsonl"
        binaries = {"etcd": os.environ["KUBESIM_ETCD"], "apiserver": os.environ["KUBESIM_APISERVER"]}
        plane = ControlPlane(folder, **binaries)
        with plane.running(), servers(folder) as serve, kubelets(folder) as start_kubelet:
            tool = Kubectl(os.environ["KUBESIM_KUBECTL"], plane.kubeconfig)
            ready = until(lambda: tool.done("get", "--raw", "/readyz").returncode == 0, seconds=READY_SECONDS)
            assert ready, plane.log("apiserver")[-4000:]
            images = ("--images", str(folder / "image.yaml"), "--journal", str(journal))
            address = serve("--profile", "containerd-2.3", "--cgroup-driver", "cgroupfs", *images)
            kubelet = start_kubelet(address, {}, driver="cgroupfs", kubeconfig=plane.kubeconfig)
            assert until(lambda: "127.0.0.1" in tool.run("get", "nodes"), seconds=READY_SECONDS), kubelet.log()[-4000:]
            tool.create(*SECRETS, *PODS)
            assert until(lambda: waiting(tool.pod("logins")) == "running", seconds=READY_SECONDS), kubelet.log()[-4000:]
            tool.create(AFTERWARDS)
            assert until(lambda: waiting(tool.pod("thief")) == "ErrImagePull", seconds=READY_SECONDS)
            assert until(lambda: waiting(tool.pod("wrong")) == "ImagePullBackOff", seconds=READY_SECONDS)
            assert until(lambda: waiting(tool.pod("mapped")) == "running", seconds=READY_SECONDS)
            pods = {one["metadata"]["name"]: one for one in json.loads(tool.run("get", "pods", "-o", "json"))["items"]}
            events = json.loads(tool.run("get", "events", "-o", "json"))["items"]
        yield {"pods": pods, "events": events, "calls": [json.loads(line) for line in journal.read_text().splitlines()]}


@pytest.fixture(scope="module")
def emulated() -> dict[str, Any]:
    """The same of the emulated one."""
    with kubesim.Node(images=[IMAGE], node_name="127.0.0.1") as node:
        for one in (*SECRETS, *PODS):
            node.apply(one)
        node.advance("5s")
        node.apply(AFTERWARDS)
        node.advance("14s")
        pods = {one["metadata"]["name"]: one for one in node.pods()}
        return {"pods": pods, "events": node.events, "calls": [one.as_dict() for one in node.journal]}


def test_logins_are_tried_in_the_same_order(real: dict[str, Any], emulated: dict[str, Any]) -> None:
    for pod in ("logins", "wrong", "thief", "broken"):
        assert logins(real["calls"], pod) == logins(emulated["calls"], pod)
    assert [name for name, _ in logins(real["calls"], "logins")] == ["team", "prefix", "old", "bot"]


def test_the_pods_end_up_alike(real: dict[str, Any], emulated: dict[str, Any]) -> None:
    assert waiting(real["pods"]["broken"]) == waiting(emulated["pods"]["broken"])
    for pod in ("logins", "mapped"):
        assert waiting(real["pods"][pod]) == waiting(emulated["pods"][pod]) == "running"


def test_the_same_is_said(real: dict[str, Any], emulated: dict[str, Any]) -> None:
    assert described(real["events"]) == described(emulated["events"])


def test_mounts_have_the_same_ids_and_images(real: dict[str, Any], emulated: dict[str, Any]) -> None:
    assert mounts(real["calls"])
    assert mounts(real["calls"]) == mounts(emulated["calls"])
