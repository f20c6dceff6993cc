"""What a pod may ask for that is not emulated yet: refused when the pod is applied, never ignored.

Each row goes away with the work that emulates it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import fields

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path, field_path

VOLUMES = frozenset({"configMap", "downwardAPI", "emptyDir", "hostPath", "image", "projected", "secret"})
PROJECTIONS = frozenset({"configMap", "downwardAPI", "secret", "serviceAccountToken"})


def unsupported_errors(manifest: Manifest, pod: v1.Pod) -> list[InputError]:
    """An error for everything in the pod that is not emulated yet."""
    return [
        InputError(
            f"{field_path(path)}: {what} is not emulated yet",
            where=manifest.document.where((*manifest.path, *path)),
            hint=f"{instead}; see the differences list of the README",
        )
        for path, what, instead in _unsupported(pod)
    ]


def _unsupported(pod: v1.Pod) -> Iterator[tuple[Path, str, str]]:
    """Path, description and what would be right."""
    if pod.spec.resource_claims:
        yield ("spec", "resourceClaims"), "dynamic resource allocation", "leave it out"
    for index, volume in enumerate(pod.spec.volumes):
        path: Path = ("spec", "volumes", index)
        for name in sorted(_set_fields(volume) - VOLUMES - {"name"}):
            yield (*path, name), "a volume of this kind", f"use one of {', '.join(sorted(VOLUMES))}"
        for number, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
            for name in sorted(_set_fields(source) - PROJECTIONS):
                instead = f"use one of {', '.join(sorted(PROJECTIONS))}"
                yield (*path, "projected", "sources", number, name), "what this source projects", instead
    lists: tuple[tuple[str, Sequence[v1.Container | v1.EphemeralContainer]], ...] = (
        ("containers", pod.spec.containers),
        ("initContainers", pod.spec.init_containers),
        ("ephemeralContainers", pod.spec.ephemeral_containers),
    )
    for kind, containers in lists:
        for index, container in enumerate(containers):
            for inner, what in unsupported_in_container(container):
                yield ("spec", kind, index, *inner), what, "leave it out"


def _set_fields(struct: Struct) -> frozenset[str]:
    """The fields that are there, in the API's words."""
    return frozenset(one.encode_name for one in fields(struct) if getattr(struct, one.name) is not None)


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
