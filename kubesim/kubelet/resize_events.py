"""The texts of the Events about a pod's resize."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubesim.kubelet.resource_amounts import quantities
from kubesim.model import k8s_v1 as v1
from kubesim.policy.resize_messages import NamedResources, resize_message


def pod_resize_message(pod: v1.Pod, words: str, *, generation: int, error: str = "") -> str:
    """What the kubelet says of a resize of this pod, with the resources of its spec."""
    return resize_message(
        words,
        generation=generation,
        containers=_named(pod.spec.containers),
        init_containers=_named(pod.spec.init_containers),
        error=error,
    )


def _named(containers: Sequence[v1.Container]) -> list[NamedResources]:
    return [
        NamedResources(
            name=one.name,
            resources=quantities(one.resources),
            claims=[msgspec.to_builtins(claim) for claim in one.resources.claims],
        )
        for one in containers
    ]
