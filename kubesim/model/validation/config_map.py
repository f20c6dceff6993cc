"""A ConfigMap that is to be stored, or changed.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidateConfigMap and ValidateConfigMapUpdate.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import ConfigMap
from kubesim.model.paths import MapKey, Path
from kubesim.model.validation.config_data import check_immutable, check_keys, check_size, decoded
from kubesim.model.validation.field_error import FieldError, input_errors, invalid
from kubesim.model.validation.metadata import check_metadata, check_metadata_update
from kubesim.model.yaml_text import Document


def default_config_map(config_map: ConfigMap) -> ConfigMap:
    """The ConfigMap as it is stored: in the namespace default unless it names another."""
    meta = config_map.metadata
    return replace(config_map, metadata=replace(meta, namespace=meta.namespace or "default"))


def validate_config_map(config_map: ConfigMap, document: Document, path: Path = ()) -> list[InputError]:
    """Every refusal, with its place; empty for a good ConfigMap."""
    return input_errors(config_map_errors(config_map), document, path)


def config_map_errors(config_map: ConfigMap) -> Iterator[FieldError]:
    """Every refusal of a defaulted ConfigMap."""
    yield from check_metadata(config_map.metadata)
    yield from check_keys(config_map.data, "data")
    for key in config_map.data:
        if key in config_map.binary_data:
            yield invalid(("data", MapKey(key)), key, "duplicate of key present in binaryData")
    yield from check_keys(config_map.binary_data, "binaryData")
    size_bytes = sum(len(text.encode()) for text in config_map.data.values())
    for key, text in config_map.binary_data.items():
        try:
            size_bytes += len(decoded(text))
        except binascii.Error:
            yield invalid(("binaryData", MapKey(key)), text, "illegal base64 data; plain text belongs into data")
    # Upstream names the whole object so, with a name of no letters.
    yield from check_size(size_bytes, (MapKey(""),))


def config_map_update_errors(new: ConfigMap, old: ConfigMap) -> Iterator[FieldError]:
    """Every refusal of a change."""
    yield from check_metadata_update(new.metadata, old.metadata)
    yield from check_immutable(new, old, {"data": "data", "binaryData": "binary_data"})
    yield from config_map_errors(new)
