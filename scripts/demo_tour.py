"""What scripts/demo shows, once .venv is set up. Every line of output is what a real client would see."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kubesim.cri.protocol import Cri
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel
from kubesim.model.kubelet_configuration import kubelet_configuration
from kubesim.node.outcome import Outcome, PodCommand, all_settled, run_pods
from kubesim.node.sources import pods_of
from kubesim.node.world import WorldSettings
from kubesim.server.real_time import run_over_socket
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


def over_socket(folder: Path, profile: str, examples: Sequence[str], commands: Sequence[PodCommand]) -> Outcome:
    """Serve a profile on a socket in `folder`, and run the pods through it with a kubelet that says cgroupfs."""
    socket = folder / f"{profile}.sock"
    serve = [*KUBESIM, "serve", "--socket", f"unix://{socket}", "--profile", profile]
    driver = ["--cgroup-driver", "systemd"] if profile == "containerd-2.3" else []
    server = subprocess.Popen([*serve, *driver], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        print(server.stdout.readline().strip().replace(str(folder), "TMP"))
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

        return run_over_socket(f"unix://{socket}", main)
    finally:
        server.terminate()
        server.wait(timeout=10)


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
    for system in ("linux", "windows"):
        say(f"a node shutdown on {system.capitalize()}, replayed in virtual time")
        subprocess.run([*KUBESIM, "replay", str(SCENARIOS / f"shutdown-{system}.yaml")], check=True)


if __name__ == "__main__":
    try:
        main()
    except KubesimError as error:
        sys.exit(f"demo: {error}")
