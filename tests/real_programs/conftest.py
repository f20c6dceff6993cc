"""Real clients against `kubesim serve`. Their binaries are not ours to ship: name them to run these tests.

KUBESIM_CRICTL=/path/to/crictl KUBESIM_CRITEST=/path/to/critest KUBESIM_KUBELET=/path/to/kubelet \\
    KUBESIM_KUBECTL=/path/to/kubectl KUBESIM_APISERVER=/path/to/kube-apiserver KUBESIM_ETCD=/path/to/etcd \\
    pytest tests/real_programs
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time  # noqa: TID251 - a real process lives in real time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CONFIGURATION = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: {folder}/manifests
fileCheckFrequency: 1s
registerNode: {registers}
containerRuntimeEndpoint: {address}
imageServiceEndpoint: {address}
address: 127.0.0.1
port: {port}
readOnlyPort: {read_only_port}
healthzBindAddress: 127.0.0.1
healthzPort: {health_port}
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: {driver}
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
failCgroupV1: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
podLogsDir: {folder}/podlogs
volumePluginDir: {folder}/plugins
evictionHard: {{memory.available: 50Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
serializeImagePulls: false
maxPods: 500
registryPullQPS: 0
eventRecordQPS: 0
logging: {{verbosity: {verbosity}}}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="ks-") as name:
        yield Path(name)


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., str]]:
    """Starts `kubesim serve ARGS...` on a socket; gives its address."""
    with servers(folder) as start:
        yield start


@contextmanager
def servers(folder: Path) -> Iterator[Callable[..., str]]:
    """What the fixture `serve` gives, for those that share one."""
    servers: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        address = f"unix://{folder / f'{len(servers)}.sock'}"
        server = subprocess.Popen(
            [sys.executable, "-m", "kubesim", "serve", "--socket", address, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        assert "kubesim serves" in server.stdout.readline()
        return address

    try:
        yield start
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
    for server in servers:
        assert server.wait(timeout=20) == 0
        assert server.stdout is not None
        server.stdout.close()


@dataclass
class Kubelet:
    """A kubelet in standalone mode; it shows its pods on `port` + 1 and its health on `port` + 2."""

    folder: Path
    port: int

    def pods(self) -> list[dict[str, Any]]:
        """Every pod with its whole status."""
        found: list[dict[str, Any]] = json.loads(_get(f"http://127.0.0.1:{self.port + 1}/pods"))["items"] or []
        return found

    def running(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if pod["status"].get("phase") == "Running"]

    def health(self) -> bytes:
        return _get(f"http://127.0.0.1:{self.port + 2}/healthz")

    def log(self) -> str:
        return (self.folder / "kubelet.log").read_text()


@pytest.fixture
def start_kubelet(folder: Path) -> Iterator[Callable[..., Kubelet]]:
    """Starts a kubelet with static pods, by name, on the runtime at an address.

    With a `kubeconfig` it is the node of that cluster, by the name 127.0.0.1; without one it stands alone.
    """
    with kubelets(folder) as start:
        yield start


@contextmanager
def kubelets(folder: Path) -> Iterator[Callable[..., Kubelet]]:
    """What the fixture `start_kubelet` gives, for those that share one."""
    path = os.environ.get("KUBESIM_KUBELET", "")
    if not path:
        pytest.skip("KUBESIM_KUBELET names no binary: the real program is optional")
    kubelets: list[subprocess.Popen[bytes]] = []

    def start(
        address: str,
        manifests: Mapping[str, Any],
        *,
        driver: str,
        kubeconfig: Path | None = None,
        verbosity: int = 0,
    ) -> Kubelet:
        # Below the ports that the machine gives to whoever connects.
        port = 20_000 + os.getpid() % 4_000 * 3
        (folder / "manifests").mkdir()
        for name, manifest in manifests.items():
            (folder / "manifests" / f"{name}.json").write_text(json.dumps(manifest))
        text = CONFIGURATION.format(
            folder=folder,
            address=address,
            driver=driver,
            port=port,
            read_only_port=port + 1,
            health_port=port + 2,
            registers=str(kubeconfig is not None).lower(),
            verbosity=verbosity,
        )
        (folder / "config.yaml").write_text(text)
        flags = ["--root-dir", f"{folder}/root", "--cert-dir", f"{folder}/pki"]
        if kubeconfig is not None:
            # Only a name that is an address makes a kubelet take one of the loopback for its node's.
            flags += ["--kubeconfig", str(kubeconfig), "--hostname-override", "127.0.0.1"]
        with (folder / "kubelet.log").open("w") as log:
            kubelets.append(
                subprocess.Popen([path, "--config", f"{folder}/config.yaml", *flags], stdout=log, stderr=log)
            )
        return Kubelet(folder, port)

    try:
        yield start
    finally:
        for kubelet in kubelets:
            kubelet.terminate()
            kubelet.wait(timeout=20)
            # A kubelet mounts its root directory onto itself.
            subprocess.run(["umount", "-R", f"{folder}/root"], check=False, capture_output=True)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """Asks until there is an answer; a real process has no virtual time."""
    return until


def until(condition: Callable[[], Any], *, seconds: float) -> Any:
    """The first answer that is true, or the last one."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except OSError:
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(0.2)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        content: bytes = answer.read()
        return content
