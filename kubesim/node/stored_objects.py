"""Users create, change and delete what the emulated API server stores: pods and the objects beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import rare_collections
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.manifest import Manifest
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.validation.field_error import FieldError, input_errors
from kubesim.model.validation.options import PodStrategy
from kubesim.model.yaml_text import Document
from kubesim.node.api_server import ApiServer
from kubesim.node.object_store import object_key
from kubesim.node.pod_patch import merged
from kubesim.node.service_addresses import with_address
from kubesim.node.sources import StoredObject, stored_manifests

KEY_PREFIXES = {
    "Pod": "",
    "Secret": "secret/",
    "ConfigMap": "configmap/",
    "Service": "service/",
    "RuntimeClass": "runtimeclass/",
}
"""Before the key of an object, by kind: a Secret may have the name of a pod."""


@rare_collections()
def apply_manifests(api: ApiServer, found: Sequence[Manifest]) -> list[str]:
    """Create or change what the manifests hold, or nothing of it when something may not be. Returns their keys.

    Raises one InputError with every refusal, each with its place.
    """
    objects = [(one, one.object) for one in found if isinstance(one.object, StoredObject)]
    refused = [
        error
        for manifest, one in objects
        for error in input_errors(_refusals(api, one), manifest.document, manifest.path)
    ]
    if refused:
        raise join_errors(refused)
    return [apply_object(api, one) for _, one in objects]


def _refusals(api: ApiServer, one: StoredObject) -> Iterable[FieldError]:
    if isinstance(one, v1.Secret):
        return api.secrets.refusals(one)
    if isinstance(one, v1.ConfigMap):
        return api.config_maps.refusals(one)
    if isinstance(one, v1.Service):
        return api.services_store.refusals(with_address(one, api.services()))
    if isinstance(one, RuntimeClass):
        return api.runtime_classes.refusals(one)
    return api.update_refusals(one)


def apply_object(api: ApiServer, one: StoredObject) -> str:
    """Create an object, or change the one that has its key. Returns that key. Raises InputError."""
    key = f"{KEY_PREFIXES[one.kind]}{object_key(one.metadata)}"
    if isinstance(one, v1.Secret):
        api.secrets.apply(one)
    elif isinstance(one, v1.ConfigMap):
        api.config_maps.apply(one)
    elif isinstance(one, v1.Service):
        api.services_store.apply(with_address(one, api.services()))
    elif isinstance(one, RuntimeClass):
        api.runtime_classes.apply(one)
    elif api.has_pod(key):
        api.update_pod(one)
    else:
        api.create_pod(one)
    return key


def delete_object(api: ApiServer, key: str, *, grace_seconds: int | None) -> None:
    """DELETE an object by its key; the grace period is a pod's. Raises InputError."""
    prefix, _, rest = key.partition("/")
    if rest.count("/") == 1 and prefix == "secret":
        api.secrets.delete(rest)
    elif rest.count("/") == 1 and prefix == "configmap":
        api.config_maps.delete(rest)
    elif rest.count("/") == 1 and prefix == "service":
        api.services_store.delete(rest)
    elif rest and "/" not in rest and prefix == "runtimeclass" and api.get_runtime_class(rest) is not None:
        api.runtime_classes.delete(rest)
    else:
        api.delete_pod(key, grace_seconds=grace_seconds)


def resize_pod(api: ApiServer, key: str, patch: Mapping[str, Any], *, strategy: PodStrategy) -> None:
    """PATCH the subresource `resize` of a pod by its key, on an API server of that strategy. Raises InputError."""
    stored = api.pod(key)
    # What only a running pod has is not looked at again.
    written = replace(stored, status=v1.PodStatus(), spec=replace(stored.spec, ephemeral_containers=[]))
    document = Document(value=merged(msgspec.to_builtins(written), patch), name=f"{key}, resize")
    (found,) = stored_manifests(document, strategy)
    asked = found.object
    if not isinstance(asked, v1.Pod) or f"{asked.metadata.namespace}/{asked.metadata.name}" != key:
        raise InputError("a patch cannot change what an object is", where=key, hint="change resources only")
    api.resize_pod(asked, minor=strategy.minor)
