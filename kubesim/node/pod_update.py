"""A pod that a user applies once more: what the change to the stored one is. Pure.

kubectl sends a patch of what the user wrote, so what the API server once filled in stays. A manifest here has its
defaults already: those that hang on a field that may change, and what others wrote into the spec, are kept.
"""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.model.image_name import default_pull_policy


def merged_pod(stored: v1.Pod, applied: v1.Pod) -> v1.Pod:
    """The stored pod with labels, annotations and the spec of the applied one; nobody has judged it yet."""
    old, new = stored.spec, applied.spec
    spec = replace(
        new,
        node_name=new.node_name or old.node_name,
        priority=old.priority if new.priority is None else new.priority,
        ephemeral_containers=old.ephemeral_containers,
        containers=_with_pull_policies(new.containers, old.containers),
        init_containers=_with_pull_policies(new.init_containers, old.init_containers),
    )
    meta = replace(stored.metadata, labels=applied.metadata.labels, annotations=applied.metadata.annotations)
    return replace(stored, metadata=meta, spec=spec)


def _with_pull_policies(new: list[v1.Container], old: list[v1.Container]) -> list[v1.Container]:
    """A pull policy that nobody wrote is that of the first image for good."""
    if len(new) != len(old):
        return new
    return [
        replace(one, image_pull_policy=before.image_pull_policy) if _has_default(one) and _has_default(before) else one
        for one, before in zip(new, old, strict=True)
    ]


def _has_default(container: v1.Container) -> bool:
    return container.image_pull_policy == default_pull_policy(container.image)
