"""Static pods of a node: files in the folder that its kubelet watches."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kubesim.errors import InputError
from kubesim.kubelet.static_pod_decode import StaticPodDecoder, StaticPodError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.manifest import Manifest, manifests
from kubesim.model.validation.options import PodStrategy
from kubesim.node.sources import Source, documents_of
from kubesim.node.unsupported import unsupported_errors
from kubesim.node.world import WorldSettings
from kubesim.policy.feature_gates import resolve_gates


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file, and the key of the mirror pod that the API server shows of its pod."""

    path: str
    content: bytes
    key: str


def static_files(
    source: Source | Manifest, settings: WorldSettings, strategy: PodStrategy, *, where: str
) -> list[StaticFile]:
    """A file for each pod of a source. Raises InputError for what the kubelet would refuse, and for other objects."""
    folder = static_folder(settings, where=where)
    found = [source] if isinstance(source, Manifest) else manifests(documents_of(source), strategy=strategy)
    if not found:
        raise InputError("no pod in it", where=where, hint="give manifests of kind Pod")
    decoder = StaticPodDecoder(
        node_name=settings.node_name,
        strategy=strategy,
        gates=resolve_gates(settings.kubelet_version, settings.config.feature_gates),
    )
    return [_static_file(one, folder, decoder) for one in found]


def static_folder(settings: WorldSettings, *, where: str) -> str:
    """The folder that the kubelet looks into. Raises InputError for a kubelet that looks into none."""
    if not settings.config.static_pod_path:
        hint = "set staticPodPath in its configuration, to /etc/kubernetes/manifests, say"
        raise InputError("this kubelet reads no static pods", where=where, hint=hint)
    return settings.config.static_pod_path.rstrip("/")


def static_path(key: str, settings: WorldSettings, *, where: str) -> str:
    """The file that `static_files` makes for the pod with that key. Raises InputError."""
    folder = static_folder(settings, where=where)
    namespace, _, name = key.partition("/")
    suffix = f"-{settings.node_name.lower()}"
    if not name.endswith(suffix):
        hint = f'its name ends with "{suffix}", as apply_static gave it'
        raise InputError(f"{key!r} is no static pod of this node", where=where, hint=hint)
    return _path(folder, namespace, name.removesuffix(suffix))


def _static_file(manifest: Manifest, folder: str, decoder: StaticPodDecoder) -> StaticFile:
    pod = manifest.object
    if not isinstance(pod, v1.Pod):
        hint = "apply it as an object of the API server"
        raise InputError(f"a {manifest.kind} is no static pod", where=manifest.where, hint=hint)
    errors = unsupported_errors(manifest, pod)
    if errors:
        raise join_errors(errors)
    path = _path(folder, pod.metadata.namespace, pod.metadata.name)
    content = msgspec.json.encode(pod, order="deterministic")
    try:
        named = decoder.decode(content, path)
    except StaticPodError as error:
        raise InputError(str(error), where=manifest.where, hint="apply it as a pod of the API server") from error
    return StaticFile(path=path, content=content, key=f"{named.metadata.namespace}/{named.metadata.name}")


def _path(folder: str, namespace: str, name: str) -> str:
    return f"{folder}/{name}.json" if namespace == "default" else f"{folder}/{namespace}-{name}.json"
