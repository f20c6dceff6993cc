"""Manifests: the Kubernetes objects a node can be given, out of documents.

A `List` (and PodList, ConfigMapList and so on) is unfolded. Everything but a Node comes out defaulted and validated, as
if it had passed an API server; see `kubesim.model.pod_defaults` and `kubesim.model.validation` for what
that covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kubesim.errors import InputError
from kubesim.model.convert import convert_or_mistakes, error_at, join_errors, value_at
from kubesim.model.field_versions import version_errors
from kubesim.model.k8s_v1 import ConfigMap, Node, Pod, Secret, Service
from kubesim.model.mistakes import nearest, one_of
from kubesim.model.paths import Path
from kubesim.model.pod_defaults import default_pod
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.validation.config_map import default_config_map, validate_config_map
from kubesim.model.validation.field_error import input_errors
from kubesim.model.validation.options import DEFAULT_STRATEGY, PodStrategy
from kubesim.model.validation.pod import quantity_errors, validate_pod
from kubesim.model.validation.runtime_class import validate_runtime_class
from kubesim.model.validation.secret import default_secret, validate_secret
from kubesim.model.validation.service import default_service, validate_service
from kubesim.model.yaml_text import Document

KubernetesObject = Pod | ConfigMap | Secret | Service | RuntimeClass | Node

KINDS: dict[str, type[KubernetesObject]] = {
    "Pod": Pod,
    "ConfigMap": ConfigMap,
    "Secret": Secret,
    "Service": Service,
    "RuntimeClass": RuntimeClass,
    "Node": Node,
}
_LISTS = {"List": None, **{f"{kind}List": kind for kind in KINDS}}
_LIST_KEYS = ("apiVersion", "kind", "metadata", "items")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object, and where it was written."""

    object: KubernetesObject
    document: Document
    path: Path = ()
    """Where in the document the object is; not empty for an item of a list."""

    @property
    def kind(self) -> str:
        """Pod, ConfigMap, Secret, Service, RuntimeClass or Node."""
        return self.object.kind

    @property
    def key(self) -> str:
        """`namespace/name`; the name alone of what has no namespace."""
        metadata = self.object.metadata
        return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name

    @property
    def where(self) -> str:
        """`file:line:column` of the object."""
        return self.document.where(self.path)


def manifests(documents: Iterable[Document], *, strategy: PodStrategy = DEFAULT_STRATEGY) -> list[Manifest]:
    """Every object of the documents, in order.

    `strategy` says for which API server they are. Raises one InputError with all mistakes of all
    documents, a line each.
    """
    errors: list[InputError] = []
    found: list[Manifest] = []
    for document in documents:
        found += manifests_at(document, (), errors, strategy=strategy)
    if errors:
        raise join_errors(errors)
    return found


def manifests_at(
    document: Document, path: Path, errors: list[InputError], *, strategy: PodStrategy = DEFAULT_STRATEGY
) -> list[Manifest]:
    """The object, or the objects of the List, that `document` holds at `path`; mistakes go to `errors`."""
    found = []
    for where, kind in _objects(document, path, errors):
        manifest = _manifest(document, where, kind, strategy, errors)
        if manifest is not None:
            found.append(manifest)
    return found


def _objects(document: Document, path: Path, errors: list[InputError]) -> Iterator[tuple[Path, str]]:
    """Path and kind of every object that may be one; what is none goes to `errors`."""
    value = value_at(document, path)
    if not isinstance(value, dict) or value.get("kind") not in _LISTS:
        if _has_kind(document, path, value, errors):
            yield path, value["kind"]
        return
    item_kind = _LISTS[value["kind"]]
    errors.extend(
        error_at(document, (*path, key), f"unknown field {key!r}{nearest(key, _LIST_KEYS)}", at_key=True)
        for key in value
        if key not in _LIST_KEYS
    )
    items = value.get("items")
    if not isinstance(items, list):
        errors.append(error_at(document, (*path, "items"), "a list needs items", hint="expected a list of objects"))
        return
    for index, item in enumerate(items):
        if item_kind is not None:
            yield (*path, "items", index), item_kind
        elif _has_kind(document, (*path, "items", index), item, errors):
            yield (*path, "items", index), item["kind"]


def _has_kind(document: Document, path: Path, value: Any, errors: list[InputError]) -> bool:
    if not isinstance(value, dict):
        errors.append(error_at(document, path, "a manifest is a mapping", hint="expected apiVersion, kind, ..."))
        return False
    for key in ("apiVersion", "kind"):
        if not isinstance(value.get(key), str):
            errors.append(error_at(document, path, f"missing {key!r}", hint="expected e.g. apiVersion: v1, kind: Pod"))
            return False
    kind = value["kind"]
    if kind not in KINDS:
        hint = f"expected {one_of([*KINDS, 'List'])}"
        what = f"kind {kind!r} is nothing a kubelet works with{nearest(kind, KINDS)}"
        errors.append(error_at(document, (*path, "kind"), what, hint=hint))
        return False
    return True


def _manifest(
    document: Document, path: Path, kind: str, strategy: PodStrategy, errors: list[InputError]
) -> Manifest | None:
    type_ = KINDS[kind]
    found: KubernetesObject | None
    found, mistakes = convert_or_mistakes(document, type_, path=path)
    if found is None:
        errors.extend(mistakes)
        return None
    mistakes = version_errors(value_at(document, path), type_, document, path, minor=strategy.minor)
    if isinstance(found, Pod):
        mistakes += input_errors(quantity_errors(found), document, path)
        if not mistakes:
            found = default_pod(found)
            prepared = found if strategy.prepare is None else strategy.prepare(found)
            mistakes = validate_pod(prepared, document, path, strategy.options)
    elif isinstance(found, Secret):
        found = default_secret(found)
        mistakes += validate_secret(found, document, path)
    elif isinstance(found, Service):
        found = default_service(found)
        mistakes += validate_service(found, document, path)
    elif isinstance(found, RuntimeClass):
        mistakes += validate_runtime_class(found, document, path)
    elif isinstance(found, ConfigMap):
        found = default_config_map(found)
        mistakes += validate_config_map(found, document, path)
    elif not found.metadata.name:
        mistakes.append(error_at(document, (*path, "metadata"), "missing required field 'name'"))
    errors.extend(mistakes)
    return None if mistakes else Manifest(object=found, document=document, path=path)
