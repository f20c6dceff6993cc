"""`kubesim serve` and `kubesim run --cri`, end to end over a real socket."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.kernel import Kernel
from kubesim.runtime.timings import Timings
from kubesim.server.grpc_client import GrpcCri
from kubesim.server.real_time import run_over_socket

if TYPE_CHECKING:
    Serve = Callable[..., Any]

PODS = Path(__file__).parents[2] / "fixtures" / "pods"


def kubesim(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "kubesim", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


def what_is_there(address: str) -> tuple[int, int]:
    """How many sandboxes and containers the runtime holds."""

    async def look(kernel: Kernel, cri: GrpcCri) -> tuple[int, int]:
        client = CriClient(cri)
        sandboxes = await client.list_pod_sandbox(api.ListPodSandboxRequest())
        containers = await client.list_containers(api.ListContainersRequest())
        return len(sandboxes.items), len(containers.containers)

    return run_over_socket(address, look)


def test_it_says_what_it_serves_and_where(serve: "Serve", folder: Path) -> None:
    server = serve("--profile", "cri-o-1.34")

    assert server.greeting.startswith("kubesim serves cri-o-1.34 (cri-o 1.34.")
    assert server.greeting.endswith(f") on {server.address}\n")
    assert (folder / "k.sock").is_socket()
    assert (folder / "k.sock").stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_leaves_nothing_behind(number: signal.Signals, serve: "Serve", folder: Path) -> None:
    server = serve()

    assert server.stop(number) == (0, "")
    assert list(folder.iterdir()) == []


def test_a_second_server_on_the_same_socket_is_refused(serve: "Serve", folder: Path) -> None:
    server = serve()
    code, stdout, stderr = kubesim("serve", "--socket", server.address, cwd=folder)

    assert (code, stdout) == (2, "")
    assert stderr == (
        f"kubesim: {folder}/k.sock: the socket is already in use; "
        "stop the server that listens there or name another path\n"
    )
    assert what_is_there(server.address) == (0, 0)
    assert server.stop() == (0, "")


def test_a_socket_that_a_killed_server_left_is_taken_over(serve: "Serve", folder: Path) -> None:
    first = serve()
    first.process.kill()
    first.process.communicate(timeout=20)
    assert (folder / "k.sock").exists()

    assert "kubesim serves" in serve().greeting


def test_pods_run_over_the_socket_and_leave_no_sandbox_behind(serve: "Serve", folder: Path) -> None:
    server = serve("--cgroup-driver", "systemd", "--journal", "calls.jsonl")
    names = ("image-volume", "implicit-groups", "strict-supplementalgroups-policy")
    code, stdout, stderr = kubesim(
        "run", *(str(PODS / f"{name}.yaml") for name in names), "--cri", server.address, "--for", "8s", "-o", "json",
        cwd=folder,
    )  # fmt: skip

    assert (code, stderr) == (0, "")
    *pods, node = json.loads(stdout)["items"]
    assert [(pod["metadata"]["name"], pod["status"]["phase"]) for pod in pods] == [
        ("pod", "Running"),
        ("implicit-groups", "Running"),
        ("strict-supplementalgroups-policy", "Running"),
    ]
    groups = [pod["status"]["containerStatuses"][0]["user"]["linux"]["supplementalGroups"] for pod in pods]
    assert groups[1:] == [[3000, 4000, 50000], [3000, 4000]]
    assert node["status"]["features"] == {"supplementalGroupsPolicy": True}
    assert what_is_there(server.address) == (0, 0)
    assert server.stop() == (0, "")
    # What a kubelet writes is gone with it, and never where a real one keeps its files. The journal was asked for.
    assert [path.name for path in folder.iterdir()] == ["calls.jsonl"]
    journal = (folder / "calls.jsonl").read_text()
    assert "/var/lib/kubelet" not in journal
    assert "/var/log/pods" not in journal
    (log_folder,) = {Path(found).parents[1] for found in re.findall(r'"log_directory":"([^"]+)"', journal)}
    assert not log_folder.exists()
    methods = {json.loads(line)["method"] for line in journal.splitlines()}
    assert {"Version", "RuntimeConfig", "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"} <= methods


PROBED = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: good
      image: registry.k8s.io/e2e-test-images/agnhost:2.45
      args: [netexec, --http-port=8080]
      readinessProbe: {httpGet: {path: /hostname, port: 8080}, periodSeconds: 1}
      livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
    - name: lame
      image: registry.k8s.io/e2e-test-images/agnhost:2.45
      args: [netexec, --http-port=8081]
      lifecycle: {postStart: {httpGet: {path: /hostname, port: 8081}}}
      livenessProbe: {httpGet: {path: /nowhere, port: 8081}, periodSeconds: 1, failureThreshold: 1}
    - name: grpc
      image: registry.k8s.io/e2e-test-images/agnhost:2.45
      args: [grpc-health-checking, --port=5000, --http-port=8082]
      readinessProbe: {grpc: {port: 5000}, periodSeconds: 1}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pods have addresses on the machine on Linux only")
def test_probes_and_hooks_reach_the_pods_over_the_machine_s_network(serve: "Serve", folder: Path) -> None:
    server = serve()
    (folder / "pod.yaml").write_text(PROBED)
    code, stdout, stderr = kubesim("run", "pod.yaml", "--cri", server.address, "--for", "8s", "-o", "json", cwd=folder)

    assert (code, stderr) == (0, "")
    statuses = {one["name"]: one for one in json.loads(stdout)["items"][0]["status"]["containerStatuses"]}
    assert (statuses["good"]["ready"], statuses["good"]["restartCount"]) == (True, 0)
    assert statuses["grpc"]["ready"] is True
    assert statuses["lame"]["restartCount"] >= 1


def test_two_runs_of_the_same_pod_do_not_disturb_each_other(serve: "Serve", folder: Path) -> None:
    server = serve()
    for _ in range(2):
        code, _, stderr = kubesim(
            "run", str(PODS / "image-volume.yaml"), "--cri", server.address, "--for", "1s", cwd=folder
        )
        assert (code, stderr) == (0, "")
    assert what_is_there(server.address) == (0, 0)


def test_a_pod_twice_over_the_socket_is_refused_before_anything_runs(serve: "Serve", folder: Path) -> None:
    server = serve()
    pod = str(PODS / "image-volume.yaml")
    code, stdout, stderr = kubesim("run", pod, pod, "--cri", server.address, "--for", "1s", cwd=folder)

    assert (code, stdout) == (2, "")
    assert stderr == "kubesim: default/pod: two pods have this name; give one of them another name or namespace\n"
    assert what_is_there(server.address) == (0, 0)


@pytest.mark.parametrize("timings", ["instant", "measured"])
def test_a_sandbox_takes_no_time_or_that_of_a_runtime(timings: str, serve: "Serve", folder: Path) -> None:
    server = serve("--timings", timings, "--journal", "journal.jsonl")

    async def run(_: Kernel, cri: GrpcCri) -> None:
        config = api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="p", namespace="n", uid="u"))
        await CriClient(cri).run_pod_sandbox(api.RunPodSandboxRequest(config=config))

    run_over_socket(server.address, run)

    (row,) = map(json.loads, (folder / "journal.jsonl").read_text().splitlines())
    took_ns = row["end_ns"] - row["time_ns"]
    assert took_ns >= Timings.measured().run_sandbox_ns if timings == "measured" else took_ns == 0


@pytest.mark.parametrize("kind", [("--pod-network", "virtual"), ()])
def test_pods_have_a_second_address_also_after_a_restart(kind: tuple[str, ...], serve: "Serve", folder: Path) -> None:
    (folder / "state").mkdir()
    arguments = ("--profile", "cri-o-1.36", "--state-dir", "state", "--pod-ipv6-cidr", "fd00:88::/64", *kind)
    server = serve(*arguments)

    async def run(_: Kernel, cri: GrpcCri) -> tuple[str, list[str]]:
        client = CriClient(cri)
        metadata = api.PodSandboxMetadata(name="p", namespace="n", uid="u")
        config = api.PodSandboxConfig(metadata=metadata)
        pod = (await client.run_pod_sandbox(api.RunPodSandboxRequest(config=config))).pod_sandbox_id
        return pod, await ips(client, pod)

    async def ips(client: CriClient, pod: str) -> list[str]:
        status = await client.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod))
        network = status.status.network
        return [network.ip, *(one.ip for one in network.additional_ips)]

    pod, before = run_over_socket(server.address, run)
    assert before[0].startswith("10.88." if kind else "127.")
    assert before[1:] == ["fd00:88::2"]
    server.stop()

    async def look(_: Kernel, cri: GrpcCri) -> list[str]:
        return await ips(CriClient(cri), pod)

    assert run_over_socket(serve(*arguments).address, look) == before
