"""Makes a static pod of the content of a file, or says in the kubelet's words why there is none.

Mirrors kubelet: pkg/kubelet/config/common.go (tryDecodeSinglePod, applyDefaults) and file.go (extractFromFile).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from kubesim.errors import InputError, KubesimError
from kubesim.model import k8s_v1 as v1
from kubesim.model.manifest import manifests_at
from kubesim.model.validation.options import PodStrategy
from kubesim.model.validation.pod import check_gates_and_node
from kubesim.model.yaml_text import load_documents
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.static_pod import (
    FILE_BYTES_MAX,
    HASH_ANNOTATION,
    References,
    config_hash,
    forbidden_reference,
    static_pod_name,
)

TOLERATION = v1.Toleration(operator="Exists", effect="NoExecute")
"""No trouble of the node evicts a static pod."""


class StaticPodError(KubesimError):
    """A file holds no static pod; the text is what the kubelet logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPodDecoder:
    """Reads files for one node and one kubelet version."""

    node_name: str
    strategy: PodStrategy
    """How pods of this version are read and validated."""
    gates: Mapping[str, bool]

    def decode(self, content: bytes, path: str) -> v1.Pod:
        """The pod of a file, with the name, the uid and the annotations of a static pod. Raises StaticPodError."""
        if len(content) > FILE_BYTES_MAX:
            raise StaticPodError("the read limit is reached")
        pod = self._named(_parsed(content, path, self.strategy), path)
        # A kubelet judges the pod when it has given it its node.
        gated = next(check_gates_and_node(pod.spec), None)
        if gated is not None:
            raise StaticPodError(f"invalid pod: [{gated}]")
        wrong = forbidden_reference(
            references_of(pod.spec), is_any_forbidden=gate_enabled(self.gates, "PreventStaticPodAPIReferences")
        )
        if wrong:
            raise StaticPodError(wrong)
        return pod

    def _named(self, pod: v1.Pod, path: str) -> v1.Pod:
        meta, spec = pod.metadata, pod.spec
        text = msgspec.json.encode(pod, order="deterministic")
        uid = meta.uid or config_hash(text, node_name=self.node_name, path=path)
        tolerations = list(spec.tolerations)
        if TOLERATION not in tolerations:
            tolerations.append(TOLERATION)
        return replace(
            pod,
            metadata=replace(
                meta,
                name=static_pod_name(meta.name, self.node_name),
                namespace=meta.namespace or "default",
                uid=uid,
                annotations={**meta.annotations, HASH_ANNOTATION: uid},
            ),
            spec=replace(spec, node_name=self.node_name, tolerations=tolerations),
            status=v1.PodStatus(phase="Pending"),
        )


def _parsed(content: bytes, path: str, strategy: PodStrategy) -> v1.Pod:
    """The first document of a file: a kubelet does not look at others."""
    try:
        document = next(iter(load_documents(content, name=path)), None)
    except InputError as error:
        raise _not_a_pod(path, error.what) from error
    value = document.value if document is not None else None
    if document is None or not isinstance(value, dict) or "kind" not in value:
        raise _not_a_pod(path, f"Object 'Kind' is missing in '{msgspec.json.encode(value).decode()}'")
    if value["kind"] != "Pod":
        raise _not_a_pod(path, f"invalid pod: a {value['kind']}")
    meta = value.get("metadata")
    if not isinstance(meta, dict) or not meta.get("name"):
        raise StaticPodError("invalid pod: name is needed for the pod")
    errors: list[InputError] = []
    found = manifests_at(document, (), errors, strategy=strategy)
    if errors:
        raise StaticPodError(f"invalid pod: [{' '.join(one.what for one in errors)}]")
    pod = found[0].object
    assert isinstance(pod, v1.Pod)
    return pod


def _not_a_pod(path: str, reason: str) -> StaticPodError:
    return StaticPodError(f"{path}: couldn't parse as pod({reason}), please check config file")


def references_of(spec: v1.PodSpec) -> References:
    """What a pod takes from objects of the API server."""
    containers: list[v1.Container | v1.EphemeralContainer] = [
        *spec.init_containers,
        *spec.containers,
        *spec.ephemeral_containers,
    ]
    sources = [source for volume in spec.volumes if volume.projected for source in volume.projected.sources]
    return References(
        service_account=spec.service_account_name,
        secrets=bool(spec.image_pull_secrets)
        or any(_takes_secrets(one) for one in containers)
        or any(volume.secret is not None for volume in spec.volumes)
        or any(source.secret is not None for source in sources),
        config_maps=any(_takes_config_maps(one) for one in containers)
        or any(volume.config_map is not None for volume in spec.volumes)
        or any(source.config_map is not None for source in sources),
        resource_claims=bool(spec.resource_claims),
        volumes=tuple(name for volume in spec.volumes for name in _set_fields(volume)),
        projected=tuple(name for source in sources for name in _set_fields(source)),
    )


def _takes_secrets(container: v1.Container | v1.EphemeralContainer) -> bool:
    return any(one.secret_ref is not None for one in container.env_from) or any(
        one.value_from is not None and one.value_from.secret_key_ref is not None for one in container.env
    )


def _takes_config_maps(container: v1.Container | v1.EphemeralContainer) -> bool:
    return any(one.config_map_ref is not None for one in container.env_from) or any(
        one.value_from is not None and one.value_from.config_map_key_ref is not None for one in container.env
    )


def _set_fields(struct: v1.Volume | v1.VolumeProjection) -> Iterator[str]:
    """The names in the API of the sources that are given."""
    names: Sequence[msgspec.structs.FieldInfo] = msgspec.structs.fields(struct)
    return (one.encode_name for one in names if one.name != "name" and getattr(struct, one.name) is not None)
