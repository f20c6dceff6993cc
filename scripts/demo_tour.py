"""What scripts/demo shows, once .venv is set up. Every line of output is what a real client would see."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.protocol import Cri
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel
from kubesim.model.kubelet_configuration import kubelet_configuration
from kubesim.node.outcome import Outcome, PodCommand, all_settled, run_pods
from kubesim.node.sources import pods_of
from kubesim.node.world import WorldSettings
from kubesim.server.real_time import run_over_socket
from kubesim.server.websocket.command import ERROR, STDOUT
from kubesim.userland.files.host_files import RealHostFiles

ROOT = Path(__file__).resolve().parents[1]
PODS = ROOT / "fixtures" / "pods"
SCENARIOS = ROOT / "fixtures" / "scenarios"
KUBESIM = [sys.executable, "-m", "kubesim"]

EXAMPLES = ("implicit-groups.yaml", "strict-supplementalgroups-policy.yaml", "image-volume.yaml")
COMMANDS = (
    PodCommand(pod="default/implicit-groups", command=("id",)),
    PodCommand(pod="default/strict-supplementalgroups-policy", command=("id",)),
    PodCommand(pod="default/pod", command=("ls", "/volume")),
    PodCommand(pod="default/pod", command=("cat", "/volume/file")),
    PodCommand(pod="default/pod", command=("cat", "/volume/dir/file")),
    PodCommand(pod="default/pod", command=("touch", "/volume/new")),
)
RUN_NS = 30_000_000_000


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


@contextmanager
def served(folder: Path, profile: str) -> Iterator[str]:
    """Serve a profile on a socket in `folder`; the address of it."""
    address = f"unix://{folder / profile}.sock"
    driver = ["--cgroup-driver", "systemd"] if profile == "containerd-2.3" else []
    command = [*KUBESIM, "serve", "--socket", address, "--profile", profile, *driver]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        print(server.stdout.readline().strip().replace(str(folder), "TMP"))
        yield address
    finally:
        server.terminate()
        server.wait(timeout=10)


def over_socket(folder: Path, profile: str, examples: Sequence[str], commands: Sequence[PodCommand]) -> Outcome:
    """Serve a profile, and run the pods through it with a kubelet that says cgroupfs."""
    with served(folder, profile) as address:
        config = kubelet_configuration(
            {"cgroupDriver": "cgroupfs", "podLogsDir": str(folder / "pod-logs")},
        )
        settings = WorldSettings(config=config, root_directory=str(folder / "kubelet"))
        pods = [pod for name in examples for pod in pods_of(PODS / name, kubelet_version="1.36")]

        async def main(kernel: Kernel, cri: Cri) -> Outcome:
            return await run_pods(
                kernel,
                cri,
                settings,
                RealHostFiles(),
                pods,
                duration_ns=RUN_NS,
                is_settled=all_settled,
                commands=commands,
            )

        return run_over_socket(address, main)


def reach(folder: Path) -> None:
    """Fetch a page of a pod at its own address, and run a command in it over the streaming server."""
    image = api.ImageSpec(image="registry.example/flaky-web:v1")
    pod = api.PodSandboxConfig(metadata=api.PodSandboxMetadata(name="web", namespace="default", uid="1"))
    container = api.ContainerConfig(metadata=api.ContainerMetadata(name="web"), image=image)

    async def main(_kernel: Kernel, cri: Cri) -> tuple[str, str]:
        client = CriClient(cri)
        pod_id = (await client.run_pod_sandbox(api.RunPodSandboxRequest(config=pod))).pod_sandbox_id
        await client.pull_image(api.PullImageRequest(image=image))
        create = api.CreateContainerRequest(pod_sandbox_id=pod_id, config=container, sandbox_config=pod)
        container_id = (await client.create_container(create)).container_id
        await client.start_container(api.StartContainerRequest(container_id=container_id))
        shown = await client.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod_id))
        command = ["sh", "-c", "wc -c; exit 3"]
        exec_request = api.ExecRequest(container_id=container_id, cmd=command, stdin=True, stdout=True)
        return shown.status.network.ip, (await client.exec(exec_request)).url

    with served(folder, "ideal") as address:
        ip, url = run_over_socket(address, main)
        if sys.platform == "linux":  # elsewhere the addresses of pods are known to the emulated world only
            with urlopen(f"http://{ip}:8080/healthz", timeout=10) as page:
                print(f"GET http://{ip}:8080/healthz: {page.status} {page.read().decode()}")
        output = {STDOUT: "", ERROR: ""}
        with connect(url.replace("http", "ws", 1), subprotocols=[Subprotocol("v5.channel.k8s.io")]) as stream:
            for part in (b"\0five ", b"\0words", b"\xff\0"):  # two pieces of stdin, then its end
                stream.send(part)
            for message in stream:
                assert isinstance(message, bytes), "channels are bytes"
                output[message[0]] = output.get(message[0], "") + message[1:].decode()
        print(f"exec over WebSocket, wc -c of ten bytes: {output[STDOUT].strip()}, then {output[ERROR].strip()}")


def show(outcome: Outcome, commands: Sequence[PodCommand]) -> None:
    """Commands with their output, then the identities in the pods' status."""
    for command, output in zip(commands, outcome.outputs, strict=True):
        print(f"in pod {command.pod.removeprefix('default/')}: {' '.join(command.command)}")
        print(output.rstrip("\n"))
    print()
    for pod in outcome.pods:
        status = pod["status"]
        containers = status.get("containerStatuses", [])
        users = [one.get("user", {}).get("linux") for one in containers]
        detail = f"user.linux {users[0]}" if users and users[0] else status.get("message", "")
        print(
            f"pod {pod['metadata']['name']}: {status['phase']} {status.get('reason', '')} {detail}".replace("  ", " ")
        )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kubesim-demo-") as name:
        folder = Path(name)
        say("kubesim serve on a unix socket; the pod engine drives it through that socket")
        outcome = over_socket(folder, "containerd-2.3", EXAMPLES, COMMANDS)
        show(outcome, COMMANDS)
        features = outcome.node["status"].get("features", {})
        print(f"node: .status.features.supplementalGroupsPolicy {features.get('supplementalGroupsPolicy', 'absent')}")
        print(f"cgroup driver: the configuration says cgroupfs, the runtime systemd; in force: {outcome.cgroup_driver}")

        say("the same on containerd 1.7, which knows neither the policy nor RuntimeConfig")
        strict = EXAMPLES[1:2]
        outcome = over_socket(folder, "containerd-1.7", strict, ())
        show(outcome, ())
        features = outcome.node["status"].get("features", {})
        print(f"node: .status.features.supplementalGroupsPolicy {features.get('supplementalGroupsPolicy', 'absent')}")
        metric = next((one for one in outcome.metrics if one.startswith("kubelet_cri_losing_support")), "none")
        print(f"cgroup driver in force: {outcome.cgroup_driver} (fall-back metric: {metric})")

        say("a pod that can be reached: a page of it from outside, and a command in it over the streaming server")
        reach(folder)
    for system in ("linux", "windows"):
        say(f"a node shutdown on {system.capitalize()}, replayed in virtual time")
        subprocess.run([*KUBESIM, "replay", str(SCENARIOS / f"shutdown-{system}.yaml")], check=True)


if __name__ == "__main__":
    try:
        main()
    except KubesimError as error:
        sys.exit(f"demo: {error}")
