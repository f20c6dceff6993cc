"""The environment of a container as far as its manifest says it: some variables come from elsewhere in a cluster."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_expansion import expand

AnyContainer = v1.Container | v1.EphemeralContainer


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnvironment:
    """Variables by name, and the names of those that nobody can know from the manifest."""

    values: dict[str, str]
    unknown: frozenset[str]
    is_open: bool
    """Whether a ConfigMap or Secret may bring more (envFrom)."""

    def check(self, text: str) -> None:
        """Raises InputError when `text` refers to a variable whose value is not at hand."""
        for name in references_of(text):
            if name in self.unknown or (self.is_open and name not in self.values):
                hint = "write its value into the manifest"
                raise InputError(f"the value of the variable {name!r} is not at hand", hint=hint)


def references_of(text: str) -> tuple[str, ...]:
    """The names of the variables that a text refers to."""
    names: list[str] = []

    def note(name: str) -> str:
        names.append(name)
        return ""

    expand(text, note)
    return tuple(names)


def known_environment(pod: v1.Pod, container: AnyContainer) -> KnownEnvironment:
    """What the manifest says about a container's variables. Mirrors `kubesim.kubelet.environment`."""
    values: dict[str, str] = {}
    unknown: set[str] = set()
    for one in container.env:
        if one.value_from is None:
            is_known = unknown.isdisjoint(references_of(one.value))
            # A name that is not set stays as it is written, so a literal value is known when what it names is.
            value = expand(one.value, lambda name: values.get(name, f"$({name})")) if is_known else None
        else:
            value = _field(pod, one.value_from)
        if value is None:
            values.pop(one.name, None)
            unknown.add(one.name)
        else:
            values[one.name] = value
            unknown.discard(one.name)
    return KnownEnvironment(values=values, unknown=frozenset(unknown), is_open=bool(container.env_from))


def _field(pod: v1.Pod, source: v1.EnvVarSource) -> str | None:
    """A field of the pod that its manifest has; None for one that somebody else fills in."""
    if source.field_ref is None:
        return None
    path = source.field_ref.field_path
    written = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid or None,
        "spec.nodeName": pod.spec.node_name or None,
        "spec.serviceAccountName": pod.spec.service_account_name,
    }
    for prefix, found in (("metadata.labels", pod.metadata.labels), ("metadata.annotations", pod.metadata.annotations)):
        if path.startswith(f"{prefix}['") and path.endswith("']"):
            return found.get(path[len(prefix) + 2 : -2], "")
    return written.get(path)
