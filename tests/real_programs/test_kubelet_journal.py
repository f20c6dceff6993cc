"""The same static pods on a real kubelet and on the emulated one, over the same runtime: their calls are the same.

What is compared, pod by pod: which calls change the runtime, in their order, and the arguments of the first of each
kind.
"""

import json
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import kubesim
from kubesim.model.yaml_text import load_documents

CHANGES = {
    "RunPodSandbox",
    "CreateContainer",
    "StartContainer",
    "ExecSync",
    "StopContainer",
    "StopPodSandbox",
    "RemoveContainer",
    "RemovePodSandbox",
}
CONFIG = {
    "registerNode": False,
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "serializeImagePulls": False,
    "fileCheckFrequency": "1s",
}
OF_THE_HOST = {"servers", "searches", "memory_swap_limit_in_bytes", "kubernetes.io/config.seen"}
"""Its name server, whether it has cgroups of version 1 and a swap controller, and the time."""

Calls = dict[str, list[tuple[str, Any]]]
"""Method and request by pod; ids are names, and paths do not tell where the kubelet keeps its files."""


def journal_pods() -> list[dict[str, Any]]:
    file = Path(__file__).with_name("journal_pods.yaml")
    return [one.value for one in load_documents(file.read_bytes(), name=str(file))]


def calls_by_pod(rows: Iterable[dict[str, Any]], node: str, places: dict[str, str]) -> Calls:
    """What happened to each pod, by the name in its manifest."""
    pods: dict[str, dict[str, Any]] = {}
    containers: dict[str, tuple[str, str]] = {}
    found: Calls = {}
    for row in rows:
        method, request, answer = row["method"], json.loads(json.dumps(row["request"])), row.get("response") or {}
        if method not in CHANGES:
            continue
        if method == "RunPodSandbox":
            pods[answer["pod_sandbox_id"]] = request["config"]["metadata"]
        if method == "CreateContainer":
            meta = request["config"]["metadata"]
            containers[answer["container_id"]] = (request["pod_sandbox_id"], f"{meta['name']}/{meta.get('attempt', 0)}")
            del request["sandbox_config"]
        sandbox = request.get("pod_sandbox_id") or answer.get("pod_sandbox_id")
        if "container_id" in request:
            sandbox, request["container_id"] = containers[request["container_id"]]
        if method == "StopContainer" and request["container_id"].startswith("beside/"):
            # What a sidecar has left is what the others did not take: whole seconds of real time.
            del request["timeout"]
        pod = pods[sandbox]
        request.pop("pod_sandbox_id", None)
        text = json.dumps(without(request), sort_keys=True).replace(pod["uid"], "UID").replace(f"-{node}", "")
        for place, name in places.items():
            text = text.replace(place, name)
        text = re.sub(r"(/containers/\w+)/[0-9a-f]{8}\b", r"\1/N", text)
        found.setdefault(pod["name"].removesuffix(f"-{node}"), []).append((method, json.loads(text)))
    return found


def without(value: Any) -> Any:
    """A request without what the host says of itself, nor the order of variables, which is that of a map of Go's."""
    if isinstance(value, dict):
        kept = {key: without(one) for key, one in value.items() if key not in OF_THE_HOST}
        if "envs" in kept:
            kept["envs"].sort(key=lambda one: one["key"])
        return kept
    return [without(one) for one in value] if isinstance(value, list) else value


def memory_of_the_host() -> str:
    """What a kubelet divides by when it scores containers."""
    kib = re.search(r"^MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert kib is not None
    return f"{kib[1]}Ki"


def order(calls: list[tuple[str, Any]]) -> list[str]:
    """The methods as they came. How often a crash is made good is a matter of seconds, so repetitions are dropped."""
    return list(dict.fromkeys(method for method, _ in calls))


def firsts(calls: list[tuple[str, Any]]) -> dict[tuple[str, str], Any]:
    """The first request of each method, for each container that it is about."""
    found: dict[tuple[str, str], Any] = {}
    for method, request in calls:
        name = request.get("container_id") or request.get("config", {}).get("metadata", {}).get("name", "")
        found.setdefault((method, name.partition("/")[0]), request)
    return found


def test_the_emulated_kubelet_asks_for_the_same(
    start_kubelet: Callable[..., Any], serve: Callable[..., str], wait_for: Callable[..., Any], folder: Path
) -> None:
    journal = folder / "journal.jsonl"
    address = serve("--profile", "containerd-2.3", "--cgroup-driver", "cgroupfs", "--journal", str(journal))
    manifests = {pod["metadata"]["name"]: pod for pod in journal_pods()}
    kubelet = start_kubelet(address, manifests, driver="cgroupfs")

    def is_settled() -> bool:
        pods = {pod["metadata"]["name"].partition("-")[0]: pod["status"] for pod in kubelet.pods()}
        return (
            len(pods) == len(manifests)
            and pods["job"].get("phase") == "Failed"
            and pods["crash"]["containerStatuses"][0]["restartCount"] >= 1
            and all(pods[one].get("phase") == "Running" for one in pods if one != "job")
        )

    assert wait_for(is_settled, seconds=60), kubelet.log()[-4000:]
    for manifest in (kubelet.folder / "manifests").iterdir():
        manifest.unlink()

    # Its garbage collector comes once a minute.
    assert wait_for(lambda: journal.read_text().count('"RemovePodSandbox"') >= len(manifests), seconds=150)
    host = socket.gethostname().lower()
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    real = calls_by_pod(rows, host, {f"{folder}/root": "ROOT", f"{folder}/podlogs": "LOGS"})

    with kubesim.Node(
        config={**CONFIG, "staticPodPath": "/manifests", "failCgroupV1": False},
        node_name=host,
        cgroup_driver="cgroupfs",
        capacity={"memory": memory_of_the_host()},
        cgroup_version=2 if Path("/sys/fs/cgroup/cgroup.controllers").is_file() else 1,
    ) as node:
        keys = [key for pod in manifests.values() for key in node.apply_static(pod)]
        node.advance("20s")
        for key in keys:
            node.remove_static(key)
        node.advance("75s")
        emulated = calls_by_pod(
            [one.as_dict() for one in node.journal], host, {"/var/lib/kubelet": "ROOT", "/var/log/pods": "LOGS"}
        )
    assert {pod: order(calls) for pod, calls in emulated.items()} == {pod: order(calls) for pod, calls in real.items()}
    for pod, calls in real.items():
        assert firsts(emulated[pod]) == firsts(calls), pod
