"""A Secret that is to be stored, or changed, and what the API server makes of `stringData`.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateSecret, ValidateSecretUpdate) and
pkg/apis/core/v1/conversion.go (Convert_v1_Secret_To_core_Secret).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.go_json_problem import go_object_problem
from kubesim.model.k8s_v1 import Secret
from kubesim.model.paths import MapKey, Path
from kubesim.model.validation.config_data import check_immutable, check_keys, check_size, decoded
from kubesim.model.validation.field_error import FieldError, input_errors, invalid, required
from kubesim.model.validation.metadata import check_metadata, check_metadata_update
from kubesim.model.yaml_text import Document

_ACCOUNT = "kubernetes.io/service-account.name"
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
    yield from check_keys(secret.data, "data")
    size_bytes = 0
    for key, text in secret.data.items():
        try:
            size_bytes += len(decoded(text))
        except binascii.Error:
            detail = "illegal base64 data; plain text belongs into stringData"
            yield invalid(("data", MapKey(key)), _REDACTED, detail)
    yield from check_size(size_bytes, ("data",))
    yield from _check_type(secret)


def secret_update_errors(new: Secret, old: Secret) -> Iterator[FieldError]:
    """Every refusal of a change."""
    yield from check_metadata_update(new.metadata, old.metadata)
    if new.type != old.type:
        yield invalid(("type",), new.type, "field is immutable")
    yield from check_immutable(new, old, {"data": "data"})
    yield from secret_errors(new)


def _check_type(secret: Secret) -> Iterator[FieldError]:
    """What a Secret of each type has to hold."""
    data = secret.data
    match secret.type:
        case "kubernetes.io/service-account-token":
            if not secret.metadata.annotations.get(_ACCOUNT):
                yield required(("metadata", "annotations", MapKey(_ACCOUNT)))
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson":
            yield from _check_json(secret, "." + secret.type.removeprefix("kubernetes.io/"))
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                yield required(("data", MapKey("username")))
                yield required(("data", MapKey("password")))
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                yield required(("data", MapKey("ssh-privatekey")))
        case "kubernetes.io/tls":
            for key in ("tls.crt", "tls.key"):
                if key not in data:
                    yield required(("data", MapKey(key)))


def _check_json(secret: Secret, key: str) -> Iterator[FieldError]:
    where: Path = ("data", MapKey(key))
    if key not in secret.data:
        yield required(where)
        return
    try:
        problem = go_object_problem(decoded(secret.data[key]))
    except binascii.Error:
        return  # told already
    if problem is not None:
        yield invalid(where, _REDACTED, problem)
