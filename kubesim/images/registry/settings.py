"""What a user says about registries: the settings file of `--registries`, and the logins of Docker's config.json.

The settings file is strict, for it is ours. config.json is Docker's: keys that are not about logins are passed over,
and what is there must make sense. No message holds a secret.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubesim.errors import InputError
from kubesim.model.convert import convert, error_at
from kubesim.model.registry_document import RegistriesDocument, RegistrySpec
from kubesim.model.yaml_text import Document, load_document
from kubesim.policy.docker_cli_config import NO_LOGINS, DockerConfig, HostLogin
from kubesim.policy.registry_endpoints import HostRules, InvalidUrl, check_mirror_url, is_host

CONFIG_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """How registries are reached, and with which logins."""

    hosts: Mapping[str, HostRules] = field(default_factory=dict)
    """By the host of a registry or mirror."""
    config: DockerConfig = NO_LOGINS


def load_registry_settings(path: Path) -> dict[str, HostRules]:
    """The rules of a settings file, by host. Raises InputError with `file:line:column` for each kind of mistake."""
    try:
        content = _read(path)
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path), hint="name a settings file of registries") from error
    document = load_document(content, name=str(path))
    spec = convert(document, RegistriesDocument)
    return {host: _rules(document, path, host, one) for host, one in spec.registries.items()}


def _rules(document: Document, path: Path, host: str, spec: RegistrySpec) -> HostRules:
    at = ("registries", host)
    if not is_host(host):
        hint = "expected the part of an image name before its first slash, e.g. docker.io or registry.example:5000"
        raise error_at(document, at, f"{host!r} is no host", hint=hint, at_key=True)
    for number, url in enumerate(spec.mirrors):
        try:
            check_mirror_url(url)
        except InvalidUrl as error:
            hint = "expected e.g. https://mirror.example or http://127.0.0.1:5000"
            raise error_at(document, (*at, "mirrors", number), f"{url!r} is no mirror: {error}", hint=hint) from error
    ca_file = ""
    if spec.ca_file:
        ca_file = str(path.parent / spec.ca_file)
        if spec.insecure:
            what = "certificates of an insecure registry are not verified, so there is nothing to trust"
            raise error_at(document, (*at, "caFile"), what, hint="leave out caFile or insecure")
        try:
            ssl.create_default_context().load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
            raise error_at(document, (*at, "caFile"), f"{ca_file} cannot be used: {reason}") from error
    return HostRules(mirrors=tuple(spec.mirrors), is_insecure=spec.insecure, ca_file=ca_file)


def load_docker_config(path: Path) -> DockerConfig:
    """The logins of a config.json; none when there is no such file. Raises InputError for what makes no sense."""
    try:
        content = _read(path)
    except FileNotFoundError:
        return DockerConfig()
    where = str(path)
    try:
        value = json.loads(content)
    except ValueError as error:
        # Without the parser's message: it would be right, but the next one might show a part of the text.
        place = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError("it is not JSON", where=where + place, hint=_EXPECTED) from None
    config = _object(value, where, "$")
    return DockerConfig(
        auths={
            key: _login(_object(entry, where, f"$.auths[{key!r}]"), where, f"$.auths[{key!r}]")
            for key, entry in _object(config.get("auths"), where, "$.auths").items()
        },
        cred_helpers={
            key: _text(program, where, f"$.credHelpers[{key!r}]")
            for key, program in _object(config.get("credHelpers"), where, "$.credHelpers").items()
        },
        creds_store=_text(config.get("credsStore"), where, "$.credsStore"),
    )


_EXPECTED = 'expected Docker\'s config.json: {"auths": {"HOST": {"auth": "..."}}}'


def _login(entry: dict[str, Any], where: str, path: str) -> HostLogin:
    username = _text(entry.get("username"), where, f"{path}.username")
    password = _text(entry.get("password"), where, f"{path}.password")
    auth = _text(entry.get("auth"), where, f"{path}.auth")
    if auth:
        username, password = _decoded(auth, where, f"{path}.auth")
    identity_token = _text(entry.get("identitytoken"), where, f"{path}.identitytoken")
    return HostLogin(
        username="" if identity_token else username,
        password="" if identity_token else password,
        identity_token=identity_token,
        registry_token=_text(entry.get("registrytoken"), where, f"{path}.registrytoken"),
    )


def _decoded(auth: str, where: str, path: str) -> tuple[str, str]:
    """Mirrors docker/cli: cli/config/configfile/file.go, decodeAuth."""
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InputError(f"{path}: it is not base64 of text", where=where, hint=_AUTH) from None
    if not colon or not username:
        raise InputError(f"{path}: there is no user name in it", where=where, hint=_AUTH)
    return username, password.strip("\0")


_AUTH = "expected base64 of USER:PASSWORD"


def _object(value: Any, where: str, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{path}: it is no object", where=where, hint=_EXPECTED)
    return value


def _text(value: Any, where: str, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or re.search(r"[\r\n]", value):
        raise InputError(f"{path}: it is no text of one line", where=where, hint=_EXPECTED)
    return value


def _read(path: Path) -> bytes:
    """The content of a file. Raises InputError, but FileNotFoundError for none."""
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint="name a readable file") from error
    if len(content) > CONFIG_BYTES_MAX:
        raise InputError(f"it has more than {CONFIG_BYTES_MAX} bytes", where=str(path), hint="name the right file")
    return content
