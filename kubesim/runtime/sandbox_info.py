"""The `info` of PodSandboxStatus: a JSON object whose keys are the profile's.

Mirrors containerd: internal/cri/server/podsandbox/sandbox_status.go and types/sandbox_info.go, and
internal/cri/server/sandbox_status.go, setUpdatedResources; CRI-O: server/sandbox_status.go, createSandboxInfo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubesim.runtime.container_info import runtime_options
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_json import go_json
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.pause import has_pause_process
from kubesim.runtime.runtime_spec import network_namespace_path, sandbox_spec

_WITHOUT_PAUSE_PROCESS = ("runtimeSpec",)


def sandbox_info(daemon: Daemon, sandbox: Sandbox, *, is_verbose: bool) -> str:
    """The JSON text. Without `is_verbose` containerd 2.3 answers too: zero values, and the resources."""
    values = _values(daemon, sandbox) if is_verbose else _zero_values()
    keys: Sequence[str] = daemon.profile.sandboxes.info_keys
    if not has_pause_process(daemon, sandbox):
        keys = _WITHOUT_PAUSE_PROCESS
    info: dict[str, Any] = {key: values[key] for key in keys}
    # Mirrors containerd: internal/cri/server/sandbox_update_resources.go: both are kept as container resources.
    for key, resources in (("overhead", sandbox.overhead), ("resources", sandbox.resources)):
        if resources is not None and daemon.profile.sandboxes.resources_in_info:
            info[key] = {"linux": resources}
    return go_json(info)


def _values(daemon: Daemon, sandbox: Sandbox) -> dict[str, Any]:
    is_ready = sandbox.life.is_ready
    return {
        "pid": sandbox.pause_pid if is_ready else 0,
        "processStatus": "running" if is_ready else "deleted",
        "netNamespaceClosed": not is_ready,
        "image": daemon.profile.pause_image,
        "snapshotKey": sandbox.id,
        "snapshotter": "overlayfs",
        "runtimeHandler": sandbox.runtime_handler,
        "runtimeType": daemon.profile.runtime_type,
        "runtimeOptions": runtime_options(daemon),
        "config": sandbox.config,
        "runtimeSpec": sandbox_spec(daemon, sandbox),
        "cniResult": _cni_result(daemon, sandbox),
        "sandboxMetadata": {
            "ID": sandbox.id,
            "Name": sandbox.name,
            "Config": sandbox.config,
            "NetNSPath": network_namespace_path(sandbox),
            "IP": sandbox.ip,
            "AdditionalIPs": list(sandbox.additional_ips) or None,
            "RuntimeHandler": sandbox.runtime_handler,
        },
    }


def _zero_values() -> dict[str, Any]:
    """A Go struct nobody filled in."""
    return {
        "pid": 0,
        "processStatus": "",
        "netNamespaceClosed": False,
        "image": "",
        "snapshotKey": "",
        "snapshotter": "",
        "runtimeHandler": "",
        "runtimeType": "",
        "runtimeOptions": None,
        "config": None,
        "runtimeSpec": None,
        "cniResult": None,
        "sandboxMetadata": None,
    }


def _cni_result(daemon: Daemon, sandbox: Sandbox) -> dict[str, Any] | None:
    if not sandbox.ip:
        return None
    return {
        "Interfaces": {
            "eth0": {
                "IPConfigs": [{"IP": ip, "Gateway": daemon.network.gateway_for(ip)} for ip in sandbox.ips],
                "Mac": _mac(sandbox.ip),
                "Sandbox": network_namespace_path(sandbox),
            },
            "lo": {
                "IPConfigs": [{"IP": "127.0.0.1", "Gateway": ""}, {"IP": "::1", "Gateway": ""}],
                "Mac": "",
                "Sandbox": network_namespace_path(sandbox),
            },
        },
        "DNS": [{}],
        "Routes": [{"dst": "::/0" if ":" in ip else "0.0.0.0/0"} for ip in sandbox.ips],
    }


def _mac(ip: str) -> str:
    """An address made of the IP. Mirrors containernetworking/plugins: pkg/utils/hwaddr, GenerateHardwareAddr4."""
    return ":".join(["0a", "58", *(f"{int(part):02x}" for part in ip.split("."))])
