"""Pods out of what makes pods: the template of a Deployment and its like, for answers about pods that nobody runs.

The pod gets the name of its maker; a controller would add a suffix, on which no answer hangs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors, value_at
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest, manifests, manifests_at
from kubesim.model.paths import Path
from kubesim.model.validation.options import PodStrategy
from kubesim.model.yaml_text import Document

_TEMPLATE: Path = ("spec", "template")
TEMPLATES: dict[str, Path] = {
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "DaemonSet": _TEMPLATE,
    "Deployment": _TEMPLATE,
    "Job": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
}
"""Where each kind has its template."""

_LISTS = {"List", *(f"{kind}List" for kind in TEMPLATES)}


def pods_in(document: Document, *, strategy: PodStrategy) -> tuple[list[Manifest], list[Path]]:
    """The pods of a document, of its List, and of the templates in both; and the paths of what is neither.

    Raises one InputError with all mistakes in the pods, a line each.
    """
    found: list[Manifest] = []
    others: list[Path] = []
    errors: list[InputError] = []
    for path, kind in _objects(document):
        if kind in TEMPLATES:
            found += _of_template(document, path, kind, errors, strategy=strategy)
        elif kind == "Pod":
            found += manifests_at(document, path, errors, strategy=strategy)
        else:
            others.append(path)
    if errors:
        raise join_errors(errors)
    return found, others


def _objects(document: Document) -> Iterator[tuple[Path, str]]:
    """Path and kind of the document's object, or of each in a list. A PodList counts as one object of kind Pod."""
    kind = _kind(document.value)
    items = document.value.get("items") if kind in _LISTS else None
    if not isinstance(items, list):
        yield (), "Pod" if kind == "PodList" else kind
        return
    for index, item in enumerate(items):
        # The items of a list of one kind may leave their kind out.
        yield ("items", index), _kind(item) or kind.removesuffix("List")


def _kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _of_template(
    document: Document, path: Path, kind: str, errors: list[InputError], *, strategy: PodStrategy
) -> list[Manifest]:
    maker = value_at(document, path)
    at = (*path, *TEMPLATES[kind])
    template = _mapping(maker, TEMPLATES[kind])
    if template is None:
        where = document.where((*path, "spec"))
        errors.append(
            InputError(f"a {kind} without a template", where=where, hint="expected a pod's metadata and spec")
        )
        return []
    names = {key: value for key, value in _mapping(maker, ("metadata",), {}).items() if key in ("name", "namespace")}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**_mapping(template, ("metadata",), {}), **names},
        "spec": template.get("spec", {}),
    }
    try:
        found = manifests([document.part(at, pod, base=TEMPLATES[kind])], strategy=strategy)
    except InputError as error:
        errors.append(error)
        return []
    return [replace(one, document=document, path=at) for one in found]


def _mapping(value: Any, path: Path, default: Any = None) -> Any:
    """The mapping at a path; the default when there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else default


def pod_of(manifest: Manifest | v1.Pod) -> v1.Pod:
    """The pod of a manifest that is one."""
    if isinstance(manifest, v1.Pod):
        return manifest
    assert isinstance(manifest.object, v1.Pod), "the caller chose pods"
    return manifest.object
