"""A cluster of one node that is as real as its programs: etcd, kube-apiserver and a kubelet; only the runtime is ours.

There is no scheduler and no controller: a pod names its node, and is deleted by kubectl.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

NODE = "127.0.0.1"
"""A kubelet takes a name that is an address for the node's own, even if it is of the loopback; apiserver dials it."""

TOKEN = "of-a-test"
SECONDS_MAX = 60


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [found.getsockname()[1] for found in sockets]


class ControlPlane:
    """etcd and kube-apiserver with everybody allowed everything."""

    def __init__(
        self, folder: Path, *, etcd: str, apiserver: str, feature_gates: Mapping[str, bool] | None = None
    ) -> None:
        self._folder = folder
        self._feature_gates = feature_gates or {}
        self._programs = {"etcd": etcd, "apiserver": apiserver}
        self.port, self._etcd_port, self._peer_port = free_ports(3)
        self.kubeconfig = folder / "kubeconfig"

    @contextmanager
    def running(self) -> Iterator[ControlPlane]:
        """Both run while this is entered."""
        self._write_files()
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        with ExitStack() as running:
            names = ["--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peer]
            running.enter_context(self._program("etcd", ["--data-dir", f"{self._folder}/etcd-data", *names]))
            running.enter_context(self._program("apiserver", self._apiserver_flags(etcd)))
            yield self

    def _write_files(self) -> None:
        (self._folder / "tokens.csv").write_text(f"{TOKEN},tester,uid,system:masters\n")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._folder / "accounts.pem").write_bytes(pem)
        cluster = {"server": f"https://127.0.0.1:{self.port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(json.dumps(config))

    def _apiserver_flags(self, etcd: str) -> list[str]:
        values = {
            "etcd-servers": etcd,
            "bind-address": "127.0.0.1",
            "secure-port": str(self.port),
            "cert-dir": f"{self._folder}/apiserver-pki",
            "service-cluster-ip-range": "10.96.0.0/24",
            "token-auth-file": f"{self._folder}/tokens.csv",
            "authorization-mode": "AlwaysAllow",
            # No controller makes the accounts, and none takes a node's taints away.
            "disable-admission-plugins": "ServiceAccount,TaintNodesByCondition",
            "service-account-issuer": "https://127.0.0.1",
            "service-account-key-file": f"{self._folder}/accounts.pem",
            "service-account-signing-key-file": f"{self._folder}/accounts.pem",
            "kubelet-preferred-address-types": "InternalIP",
            "allow-privileged": "true",
        }
        if self._feature_gates:
            gates = [f"{name}={str(is_on).lower()}" for name, is_on in self._feature_gates.items()]
            values["feature-gates"] = ",".join(gates)
        return [f"--{name}={value}" for name, value in values.items()]

    @contextmanager
    def _program(self, name: str, arguments: Sequence[str]) -> Iterator[None]:
        with (self._folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen([self._programs[name], *arguments], stdout=log, stderr=log)
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    # An API server waits for its clients' long requests.
                    process.kill()
                    process.wait(timeout=20)

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()


class Kubectl:
    """Runs kubectl against one cluster, over one of its two protocols."""

    def __init__(self, path: str, kubeconfig: Path, *, websocket: bool = True) -> None:
        self.env = {
            "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": str(websocket).lower(),
            "KUBECTL_PORT_FORWARD_WEBSOCKETS": str(websocket).lower(),
        }
        self.command = [path, "--kubeconfig", str(kubeconfig)]

    def done(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """What became of it."""
        return subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, **self.env},
            timeout=SECONDS_MAX,
            check=False,
        )

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """What it prints. It must succeed."""
        done = self.done(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """One that runs on, with pipes. It is killed at the end, and when it takes too long."""
        pipe = subprocess.PIPE
        env = {**os.environ, **self.env}
        with subprocess.Popen([*self.command, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=env) as client:
            patience = Timer(SECONDS_MAX, client.kill)
            patience.start()
            try:
                yield client
            finally:
                patience.cancel()
                client.kill()

    def create(self, *objects: dict[str, Any]) -> None:
        """Without validation: it needs a description of the API, which not every build of apiserver gives."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.run("create", "--validate=false", "-f", "-", stdin=text.encode())

    def pod(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("get", "pod", name, "-o", "json"))
        return found


def pod_of(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A pod that is bound to the node from the start."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 1,
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "containers": list(containers),
            **spec,
        },
    }
