"""What a pod may ask for that is not emulated yet: refused when the pod is applied, never ignored.

Each row goes away with the work that emulates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path, field_path

VOLUMES = {"name", "empty_dir", "host_path", "image", "config_map", "secret", "downward_api", "projected"}
PROJECTIONS = {"config_map", "secret", "downward_api", "service_account_token"}


def unsupported_errors(manifest: Manifest, pod: v1.Pod) -> list[InputError]:
    """An error for everything in the pod that is not emulated yet."""
    return [
        InputError(
            f"{field_path(path)}: {what} is not emulated yet",
            where=manifest.document.where((*manifest.path, *path)),
            hint="see the differences list of the README",
        )
        for path, what in _unsupported(pod)
    ]


def _unsupported(pod: v1.Pod) -> Iterator[tuple[Path, str]]:
    if pod.spec.resource_claims:
        yield ("spec", "resourceClaims"), "dynamic resource allocation"
    for index, volume in enumerate(pod.spec.volumes):
        for name in volume.__struct_fields__:
            if name not in VOLUMES and getattr(volume, name) is not None:
                yield ("spec", "volumes", index), f"a {name} volume"
        sources = volume.projected.sources if volume.projected is not None else ()
        for number, source in enumerate(sources):
            for name in source.__struct_fields__:
                if name not in PROJECTIONS and getattr(source, name) is not None:
                    yield ("spec", "volumes", index, "projected", "sources", number), f"a {name} in a volume"
    lists: tuple[tuple[str, Sequence[v1.Container | v1.EphemeralContainer]], ...] = (
        ("containers", pod.spec.containers),
        ("initContainers", pod.spec.init_containers),
        ("ephemeralContainers", pod.spec.ephemeral_containers),
    )
    for kind, containers in lists:
        for index, container in enumerate(containers):
            for path, what in unsupported_in_container(container):
                yield ("spec", kind, index, *path), what


def unsupported_in_container(container: v1.Container | v1.EphemeralContainer) -> Iterator[tuple[Path, str]]:
    """Path and description of everything in a container that is not emulated yet."""
    if container.volume_devices:
        yield ("volumeDevices",), "a block device"


def refuse_network_use(pod: v1.Pod) -> None:
    """For a kubelet that does not reach its pods: probes and hooks other than commands would fail without a reason.

    Raises InputError with a line for each.
    """
    errors = []
    for kind, containers in (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers)):
        for index, container in enumerate(containers):
            errors += [
                InputError(
                    f"{field_path(('spec', kind, index, *path))}: {handler} needs a way to the pod's ports, and the "
                    "emulated kubelet has none over --cri",
                    where=f"{pod.metadata.namespace}/{pod.metadata.name}",
                    hint="use exec, or leave --cri out",
                )
                for path, handler in _network_handlers(container)
            ]
    if errors:
        raise join_errors(errors)


def _network_handlers(container: v1.Container) -> Iterator[tuple[Path, str]]:
    hooks = container.lifecycle or v1.Lifecycle()
    handlers: tuple[tuple[Path, v1.Probe | v1.LifecycleHandler | None], ...] = (
        (("livenessProbe",), container.liveness_probe),
        (("readinessProbe",), container.readiness_probe),
        (("startupProbe",), container.startup_probe),
        (("lifecycle", "postStart"), hooks.post_start),
        (("lifecycle", "preStop"), hooks.pre_stop),
    )
    for path, handler in handlers:
        if handler is None:
            continue
        if handler.http_get is not None:
            yield (*path, "httpGet"), "an HTTP request"
        elif isinstance(handler, v1.Probe) and handler.tcp_socket is not None:
            yield (*path, "tcpSocket"), "a connection"
        elif isinstance(handler, v1.Probe) and handler.grpc is not None:
            yield (*path, "grpc"), "a health check"
