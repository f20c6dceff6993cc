"""The real programs that a recording needs, and the node they make: etcd, kube-apiserver, a kubelet; our runtime."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time  # noqa: TID251 - real programs live in real time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.recordings.api_client import ApiClient, ApiError
from scripts.recordings.folder import NODE_NAME
from tests.real_programs.cluster import TOKEN, ControlPlane, free_ports

VARIABLES = {"kubelet": "KUBESIM_KUBELET", "kube-apiserver": "KUBESIM_APISERVER", "etcd": "KUBESIM_ETCD"}
READY_SECONDS_MAX = 90

FIELDS_OF_THE_MACHINE: dict[str, Any] = {
    "registerNode": True,
    "address": "127.0.0.1",
    "healthzBindAddress": "127.0.0.1",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "failSwapOn": False,
    "failCgroupV1": False,
    "oomScoreAdj": 0,
    "makeIPTablesUtilChains": False,
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
    "logging": {"verbosity": 4},
}
"""What a kubelet needs to run on a machine that is not its own; a pod's life does not depend on it."""


class RecordingError(Exception):
    """A recording cannot be made, for a reason the user can do something about."""


@dataclass(frozen=True)
class Programs:
    """Paths of the real programs."""

    kubelet: str
    apiserver: str
    etcd: str

    @classmethod
    def of_environment(cls) -> Programs:
        """Raises RecordingError that names every variable to set."""
        absent = [
            f"{variable} ({name})"
            for name, variable in VARIABLES.items()
            if not shutil.which(os.environ.get(variable, ""))
        ]
        if absent:
            raise RecordingError(f"a recording needs real programs: set {', '.join(absent)} to their paths")
        return cls(*(os.environ[variable] for variable in VARIABLES.values()))


@dataclass(frozen=True)
class RealNode:
    """A node that is up: its API server, the journal of its runtime, and its kubelet."""

    _kubelet_process: subprocess.Popen[bytes]
    _logs: Path

    api: ApiClient
    journal: Path
    kubelet: ApiClient

    def check_alive(self) -> None:
        """Raises RecordingError when the kubelet has ended."""
        if (code := self._kubelet_process.poll()) is not None:
            raise RecordingError(f"the kubelet ended with {code}: see {self._logs / 'kubelet.log'}")


@contextmanager
def real_node(
    programs: Programs, folder: Path, *, profile: str, images: Sequence[Path], configuration: dict[str, Any]
) -> Iterator[RealNode]:
    """A node named "golden" that is Ready while this is entered; its logs are in `folder`. Raises RecordingError."""
    with ExitStack() as running:
        # Without its gate the API server drops a field before the kubelet can see it.
        gates = configuration.get("featureGates", {})
        plane = ControlPlane(folder, etcd=programs.etcd, apiserver=programs.apiserver, feature_gates=gates)
        running.enter_context(plane.running())
        api = ApiClient(f"https://127.0.0.1:{plane.port}", TOKEN)
        _wait("kube-apiserver", lambda: api.text("/readyz") == "ok", folder)
        socket = f"unix://{folder}/runtime.sock"
        journal = folder / "journal.jsonl"
        served = [sys.executable, "-m", "kubesim", "serve", "--socket", socket, "--profile", profile]
        # A runtime that takes no time shows containers as ended that another one still starts.
        served += ["--timings", "measured", "--cgroup-driver", "cgroupfs", "--journal", str(journal)]
        served += ["--images", *map(str, images)]
        running.enter_context(_program(served, folder / "serve.log", signal.SIGTERM))
        _wait("kubesim serve", (folder / "runtime.sock").exists, folder)
        port, read_only_port, health_port = free_ports(3)
        settings = FIELDS_OF_THE_MACHINE | {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": socket,
            "imageServiceEndpoint": socket,
            "port": port,
            "readOnlyPort": read_only_port,
            "healthzPort": health_port,
            "cgroupDriver": "cgroupfs",
            "podLogsDir": f"{folder}/podlogs",
            "volumePluginDir": f"{folder}/plugins",
            **configuration,
        }
        (folder / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
        flags = ["--config", f"{folder}/config.yaml", "--root-dir", f"{folder}/root", "--cert-dir", f"{folder}/pki"]
        flags += ["--kubeconfig", str(plane.kubeconfig), "--hostname-override", NODE_NAME]
        # A kubelet mounts its root directory onto itself.
        running.callback(lambda: subprocess.run(["umount", "-R", f"{folder}/root"], check=False, capture_output=True))
        kubelet = running.enter_context(_program([programs.kubelet, *flags], folder / "kubelet.log", signal.SIGTERM))
        _wait("kubelet", lambda: _is_ready(api), folder)
        yield RealNode(kubelet, folder, api, journal, ApiClient(f"https://127.0.0.1:{port}", TOKEN))


@contextmanager
def _program(command: Sequence[str], log: Path, end: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    root = Path(__file__).resolve().parents[2]
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(command, stdout=file, stderr=file, cwd=root) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(end)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _is_ready(api: ApiClient) -> bool:
    conditions = api.get(f"/api/v1/nodes/{NODE_NAME}").get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _wait(name: str, is_up: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        try:
            if is_up():
                return
        except (ApiError, OSError):
            pass  # Not up yet.
        time.sleep(0.2)
    raise RecordingError(f"{name} was not ready after {READY_SECONDS_MAX} s: see the logs in {folder}")
