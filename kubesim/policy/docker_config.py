"""The logins of a Docker configuration, as the kubelet reads them out of a pull secret.

Mirrors kubelet: pkg/credentialprovider/config.go (DockerConfigEntry.UnmarshalJSON, decodeDockerConfigFieldAuth) and
secrets/secrets.go (secretsToTrackedDockerConfigs); Go: encoding/json/decode.go, for the words of what does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from kubesim.errors import KubesimError
from kubesim.policy.go_base64 import InvalidBase64, go_base64_decode

DOCKER_CONFIG_JSON = "kubernetes.io/dockerconfigjson"
DOCKER_CONFIG = "kubernetes.io/dockercfg"
DOCKER_CONFIG_KEYS = {DOCKER_CONFIG_JSON: ".dockerconfigjson", DOCKER_CONFIG: ".dockercfg"}
"""The types of pull secrets, and the key of `data` under which each has its configuration."""

_ENTRY_FIELDS = ("username", "password", "email", "auth")
_GO_KINDS = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


class InvalidDockerConfig(KubesimError):
    """A pull secret cannot be read; `str(error)` is the kubelet's text, which becomes the reason of the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerLogin:
    """One entry of a configuration: `location` is the registry as written, with a scheme or a path perhaps."""

    location: str
    username: str = ""
    password: str = ""
    email: str = ""


def docker_logins(secret_type: str, data: Mapping[str, bytes]) -> tuple[DockerLogin, ...]:
    """The logins of a Secret, in the order in which they are written; none when it is no pull secret.

    Raises:
        InvalidDockerConfig: with the kubelet's text.
    """
    content = data.get(DOCKER_CONFIG_KEYS.get(secret_type, ""), b"")
    if not content:
        return ()
    try:
        document = json.loads(content)
    except ValueError as error:
        # The API server has refused such a Secret; Go's place of the mistake is not worked out.
        raise InvalidDockerConfig(f"invalid character in JSON text: {error}") from error
    if secret_type == DOCKER_CONFIG:
        return _entries(document, "Go value")
    if document is None:
        return ()
    if not isinstance(document, dict):
        raise _mismatch(document, "Go value", "credentialprovider.DockerConfigJSON")
    return _entries_of_json(document)


def _entries_of_json(document: Mapping[str, Any]) -> tuple[DockerLogin, ...]:
    """The entries under `auths`. What does not fit elsewhere is told only when all entries do."""
    found: tuple[DockerLogin, ...] = ()
    mismatch = None
    for key, value in document.items():
        where = f"Go struct field DockerConfigJSON.{key}"
        if key.lower() == "auths":
            if value is not None and not isinstance(value, dict):
                mismatch = mismatch or _mismatch(value, where, "credentialprovider.DockerConfig")
            else:
                found = _entries(value, where)
        elif key.lower() == "httpheaders":
            mismatch = mismatch or _header_mismatch(value, where)
    if mismatch is not None:
        raise mismatch
    return found


def _header_mismatch(value: Any, where: str) -> InvalidDockerConfig | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        return _mismatch(value, where, "map[string]string")
    wrong = ((name, one) for name, one in value.items() if not isinstance(one, str | NoneType))
    return next((_mismatch(one, f"{where}.{name}", "string") for name, one in wrong), None)


def _entries(value: Any, where: str) -> tuple[DockerLogin, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise _mismatch(value, where, "credentialprovider.DockerConfig")
    return tuple(_login(location, entry) for location, entry in value.items())


def _login(location: str, entry: Any) -> DockerLogin:
    if entry is None:
        return DockerLogin(location=location)
    if not isinstance(entry, dict):
        raise _mismatch(entry, "Go value", "credentialprovider.dockerConfigEntryWithAuth")
    fields = dict.fromkeys(_ENTRY_FIELDS, "")
    for key, value in entry.items():
        name = key.lower()
        if name not in fields or value is None:
            continue
        if not isinstance(value, str):
            raise _mismatch(value, f"Go struct field dockerConfigEntryWithAuth.{key}", "string")
        fields[name] = value
    username, password = fields["username"], fields["password"]
    if fields["auth"]:
        username, password = _decoded(fields["auth"])
    return DockerLogin(location=location, username=username, password=password, email=fields["email"])


def _decoded(auth: str) -> tuple[str, str]:
    """The user and the password of an `auth`: base64 with or without its padding."""
    try:
        decoded = go_base64_decode(auth, is_padded=auth.strip().endswith("="))
    except InvalidBase64 as error:
        raise InvalidDockerConfig(str(error)) from error
    username, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        raise InvalidDockerConfig("unable to parse auth field, must be formatted as base64(username:password)")
    return username, password


def _mismatch(value: Any, where: str, type_name: str) -> InvalidDockerConfig:
    return InvalidDockerConfig(f"json: cannot unmarshal {_GO_KINDS[type(value)]} into {where} of type {type_name}")
