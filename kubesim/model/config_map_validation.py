"""Light checks of a ConfigMap in the API server's words.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidateConfigMap.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.config_data import check_key, check_metadata, check_size, decoded
from kubesim.model.field_error import FieldError, invalid
from kubesim.model.k8s_v1 import ConfigMap
from kubesim.model.paths import Path
from kubesim.model.pod_validation import input_errors
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
    size_bytes = 0
    for key, text in config_map.data.items():
        yield from check_key(("data", key), key)
        if key in config_map.binary_data:
            yield invalid(("data", key), key, "duplicate of key present in binaryData")
        size_bytes += len(text.encode())
    for key, text in config_map.binary_data.items():
        yield from check_key(("binaryData", key), key)
        try:
            size_bytes += len(decoded(text))
        except binascii.Error:
            yield invalid(("binaryData", key), text, "illegal base64 data; plain text belongs into data")
    yield from check_size(size_bytes)
