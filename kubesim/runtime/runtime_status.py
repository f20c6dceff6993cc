"""Version, Status, RuntimeConfig and UpdateRuntimeConfig: what the runtime says of itself.

Mirrors containerd: internal/cri/server/status.go, runtime_config.go and update_runtime_config.go; CRI-O:
server/runtime_status.go and runtime_config.go.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from kubesim.cri import api
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_json import go_json
from kubesim.runtime.version import version_response

_STATE_DIRECTORY = "/run/containerd/io.containerd.grpc.v1.cri"
_GO_VERSION = "go1.26.3"


def version(daemon: Daemon, _request: api.VersionRequest) -> api.VersionResponse:
    """Name and version of the runtime."""
    return version_response(daemon.profile)


def status(daemon: Daemon, request: api.StatusRequest) -> api.StatusResponse | bytes:
    """Conditions, handlers and features."""
    if request.verbose:
        return _status(daemon, is_verbose=True)
    made_from = (*daemon.features.values(), *daemon.deprecations.items())
    return daemon.own_answers.answer("Status", made_from, lambda: _status(daemon, is_verbose=False).SerializeToString())


def _status(daemon: Daemon, *, is_verbose: bool) -> api.StatusResponse:
    switches = daemon.profile.status
    response = api.StatusResponse()
    for kind in switches.conditions:
        condition = response.status.conditions.add(type=kind, status=True)
        if kind == "NetworkReady" and not daemon.features.network_ready:
            condition.status = False
            condition.reason = "NetworkPluginNotReady"
            condition.message = switches.network_not_ready_message
        if kind == "ContainerdHasNoDeprecationWarnings" and daemon.deprecations:
            condition.status = False
            condition.reason = "ContainerdHasDeprecationWarnings"
            condition.message = go_json(daemon.deprecations)
    if switches.reports_handlers:
        response.runtime_handlers.extend(_handlers(daemon))
    if switches.supplemental_groups_policy is not None:
        response.features.supplemental_groups_policy = daemon.features.supplemental_groups_policy
    if switches.user_namespaces_host_network is not None:
        response.features.user_namespaces_host_network = daemon.features.user_namespaces_host_network
    if is_verbose:
        info = _info(daemon)
        for key in switches.info_keys:
            response.info[key] = info[key]
    return response


def _handlers(daemon: Daemon) -> list[api.RuntimeHandler]:
    """The default handler, under its own name and under the empty one that requests use."""
    features = api.RuntimeHandlerFeatures(
        recursive_read_only_mounts=daemon.features.recursive_read_only_mounts,
        user_namespaces=daemon.features.user_namespaces,
    )
    names = ["", daemon.profile.default_handler]
    if daemon.profile.status.handlers_order == "default-then-empty":
        names.reverse()
    return [api.RuntimeHandler(name=name, features=features) for name in names]


def _info(daemon: Daemon) -> dict[str, str]:
    cni_config = {
        "PluginDirs": ["/opt/cni/bin"],
        "PluginConfDir": "/etc/cni/net.d",
        "PluginMaxConfNum": 1,
        "Prefix": "eth",
        "Networks": [],
    }
    return {
        "config": go_json(
            _crio_config(daemon) if daemon.profile.status.config_form == "cri-o" else _containerd_config(daemon)
        ),
        "golang": f'"{_GO_VERSION}"',
        "cniconfig": go_json(cni_config),
        "lastCNILoadStatus": "OK",
        "lastCNILoadStatus.default": "OK",
    }


def _containerd_config(daemon: Daemon) -> dict[str, Any]:
    handler = daemon.profile.default_handler
    return {
        "containerd": {
            "defaultRuntimeName": handler,
            "runtimes": {
                handler: {
                    "runtimeType": daemon.profile.runtime_type,
                    "options": {"SystemdCgroup": daemon.cgroup_driver == "systemd"},
                    "sandboxer": "podsandbox",
                }
            },
        },
        "cni": {"binDirs": ["/opt/cni/bin"], "confDir": "/etc/cni/net.d", "maxConfNum": 1},
        **_sandbox_image(daemon),
        "maxContainerLogLineSize": daemon.profile.logs.line_bytes_max,
        "containerdRootDir": "/var/lib/containerd",
        "containerdEndpoint": "/run/containerd/containerd.sock",
        "rootDir": "/var/lib/containerd/io.containerd.grpc.v1.cri",
        "stateDir": _STATE_DIRECTORY,
    }


def _sandbox_image(daemon: Daemon) -> dict[str, str]:
    has_it = daemon.profile.status.config_has_sandbox_image
    return {"sandboxImage": daemon.profile.pause_image} if has_it else {}


def _crio_config(daemon: Daemon) -> dict[str, Any]:
    return {
        **_sandbox_image(daemon),
        "crio": {
            "DefaultRuntime": daemon.profile.default_handler,
            "CgroupManagerName": daemon.cgroup_driver,
            "LogDir": daemon.profile.logs.default_directory,
        },
    }


def runtime_config(daemon: Daemon, _request: api.RuntimeConfigRequest) -> api.RuntimeConfigResponse:
    """The cgroup driver; nothing on a node that has none."""
    response = api.RuntimeConfigResponse()
    if daemon.os != "windows":
        response.linux.cgroup_driver = api.SYSTEMD if daemon.cgroup_driver == "systemd" else api.CGROUPFS
    return response


async def update_runtime_config(
    daemon: Daemon, request: api.UpdateRuntimeConfigRequest
) -> api.UpdateRuntimeConfigResponse:
    """The pods' address ranges. containerd looks whether they are ranges; without a template nobody uses them."""
    text = request.runtime_config.network_config.pod_cidr
    if text and daemon.profile.sandboxes.pod_cidr_check:
        for cidr in (part.strip() for part in text.split(",")):
            try:
                ip_network(cidr, strict=False)
                is_range = "/" in cidr
            except ValueError:
                is_range = False
            if not is_range:
                raise daemon.refuse(say.POD_CIDR_INVALID, cidr=cidr)
    return api.UpdateRuntimeConfigResponse()
