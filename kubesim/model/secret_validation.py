"""Light checks of a Secret in the API server's words, and what it makes of `stringData`.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateSecret) and pkg/apis/core/v1/conversion.go
(Convert_v1_Secret_To_core_Secret).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.config_data import check_key, check_metadata, check_size, decoded
from kubesim.model.field_error import FieldError, invalid, required
from kubesim.model.k8s_v1 import Secret
from kubesim.model.paths import Path
from kubesim.model.pod_validation import input_errors
from kubesim.model.yaml_text import Document

_JSON_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
_REDACTED = "<secret contents redacted>"


def default_secret(secret: Secret) -> Secret:
    """The Secret as it is stored: `stringData` encoded into `data`, of the type Opaque and the namespace default."""
    text = {key: base64.b64encode(value.encode()).decode() for key, value in secret.string_data.items()}
    meta = secret.metadata
    return replace(
        secret,
        metadata=replace(meta, namespace=meta.namespace or "default"),
        data={**secret.data, **text},
        string_data={},
        type=secret.type or "Opaque",
    )


def validate_secret(secret: Secret, document: Document, path: Path = ()) -> list[InputError]:
    """Every refusal, with its place; empty for a good Secret. `secret` is the defaulted one."""
    return input_errors(secret_errors(secret), document, path)


def secret_errors(secret: Secret) -> Iterator[FieldError]:
    """Every refusal of a Secret whose `stringData` is in `data` already."""
    yield from check_metadata(secret.metadata)
    size_bytes = 0
    for key, text in secret.data.items():
        yield from check_key(("data", key), key)
        try:
            size_bytes += len(decoded(text))
        except binascii.Error:
            yield invalid(("data", key), _REDACTED, "illegal base64 data; plain text belongs into stringData")
    yield from check_size(size_bytes)
    yield from _check_json(secret)


def _check_json(secret: Secret) -> Iterator[FieldError]:
    key = _JSON_KEYS.get(secret.type)
    if key is None:
        return
    if key not in secret.data:
        yield required(("data", key))
        return
    try:
        found = json.loads(decoded(secret.data[key]), parse_constant=_refuse_constant)
    except binascii.Error:
        return  # told already
    except ValueError as error:
        yield invalid(("data", key), _REDACTED, f"no JSON: {error}")
        return
    if not isinstance(found, dict | None):
        yield invalid(("data", key), _REDACTED, "no JSON object")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")
