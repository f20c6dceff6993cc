"""What is checked where a user's Python meets a `Node`: wrong types are refused by the name of the argument.

Type hints do not run, and a wrong type that gets through shows up far away as an AttributeError of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.catalogue import MoreImages
from kubesim.images.image import Image
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.model.manifest import Manifest
from kubesim.model.validation.field_error import invalid
from kubesim.model.validation.names import subdomain_problems
from kubesim.node.pod_strategy import minor_version
from kubesim.policy.kubelet_fixes import kubelet_fixes
from kubesim.policy.runtime_profile import RuntimeProfile

CGROUP_V1_REFUSED_MINOR = 35
"""The first Kubernetes minor version whose kubelet refuses cgroup v1 by itself."""


def check_text(value: object, where: str, *, example: str) -> None:
    """Raises InputError for what is not a str; a number is a version that lost its quotes (1.30 would be 1.3)."""
    if not isinstance(value, str):
        raise _wrong_type(value, where, hint=f'give text, such as "{example}"')


def check_key(value: object, where: str) -> None:
    """Raises InputError for what cannot be the key of an object; whether there is such an object is not asked."""
    check_text(value, where, example="default/web")


def check_path(value: object, where: str) -> None:
    """Raises InputError for what is not the absolute path of a file."""
    check_text(value, where, example="/etc/kubernetes/manifests/web.yaml")
    if isinstance(value, str) and (not value.startswith("/") or value.endswith("/")):
        raise InputError(f"{value!r} is no path of a file", where=where, hint="begin it with /, as in /etc/motd")


def check_condition(where: str, *, type: object, status: object, reason: object, message: object) -> None:  # noqa: A002 - the API's word
    """Raises InputError for a field of a condition that is no text; `where` is the call."""
    check_text(type, f"{where}(type)", example="example.com/gate")
    check_text(status, f"{where}(status)", example="True")
    check_text(reason, f"{where}(reason)", example="GateOpened")
    check_text(message, f"{where}(message)", example="the gate is open")


def bytes_of(content: object, where: str) -> bytes:
    """The bytes of a file's content, given as text or bytes. Raises InputError."""
    if isinstance(content, str):
        return content.encode()
    if not isinstance(content, bytes):
        raise _wrong_type(content, where, hint="give text or bytes")
    return content


def check_whole_number(value: object, where: str) -> None:
    """Raises InputError for what is not an int; True is an int to Python only."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, where, hint="give a whole number")


def check_fixes(names: object, where: str) -> frozenset[str]:
    """The fixes of the kubelet of these names. Raises InputError."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise _wrong_type(names, where, hint='give a list of fixes, such as ["kubernetes#142120"]')
    try:
        return kubelet_fixes(names)
    except InputError as error:
        raise InputError(error.what, where=where, hint=error.hint) from error


def check_cgroup_version(version: object, kubelet_version: str, config: KubeletConfiguration, where: str) -> None:
    """Raises InputError for what is neither 1 nor 2, and for a 1 with which the kubelet would not start."""
    check_whole_number(version, where)
    if version not in (1, 2):
        raise InputError(f"there is no cgroup version {version}", where=where, hint="give 1 or 2")
    if version == 1 and config.fail_cgroup_v1 and minor_version(kubelet_version) >= CGROUP_V1_REFUSED_MINOR:
        raise InputError(
            f"a kubelet {kubelet_version} does not start on a machine with cgroup v1",
            where=where,
            hint="set failCgroupV1: false in the KubeletConfiguration",
        )


def check_grace(seconds: object, where: str) -> None:
    """Raises InputError for a grace that is neither None nor a number of seconds from 0."""
    if seconds is None:
        return
    check_whole_number(seconds, where)
    if isinstance(seconds, int) and seconds < 0:
        raise InputError(
            f"{seconds} is negative", where=where, hint="give 0 to delete at once, or None for the pod's own"
        )


def check_duration(text: object, where: str) -> int:
    """The nanoseconds of a duration that time can pass by. Raises InputError, also for a negative one."""
    if not isinstance(text, str):
        raise _wrong_type(text, where, hint='give text with a unit, such as "30s"')
    try:
        duration_ns = parse_duration(text)
    except InputError as error:
        raise InputError(error.what, where=where, hint=error.hint) from error
    if duration_ns < 0:
        raise InputError(f"{text} is negative", where=where, hint="time only goes forward")
    return duration_ns


def check_source(value: object, where: str, *, what: str) -> None:
    """Raises InputError for what is no path, no text and no dict."""
    if not isinstance(value, str | Path | Mapping | Manifest):
        raise _wrong_type(value, where, hint=f"give {what}: a path, YAML text or a dict")


def check_mapping(value: object, where: str, *, what: str) -> None:
    """Raises InputError for what is no dict."""
    if not isinstance(value, Mapping):
        raise _wrong_type(value, where, hint=f"give {what} as a dict")


def check_image_sources(value: object, where: str) -> None:
    """Raises InputError for what is not a list of sources; a lone str would be read letter by letter."""
    if isinstance(value, str | Path):
        raise InputError(f"{str(value)!r} is not a list", where=where, hint=f'give a list: ["{value}"]')
    hint = 'give a list of paths, such as ["images.yaml"], or of Image documents as dicts'
    _check_items(value, where, (str, Path, Mapping, Image, MoreImages), hint=hint)


def check_command(value: object, where: str) -> None:
    """Raises InputError for what is not a list of words; no shell is there to split a lone str."""
    hint = 'give a list, such as ["id", "-u"]'
    if isinstance(value, str):
        words = ", ".join(f'"{word}"' for word in value.split())
        raise InputError(f"{value!r} is not a list", where=where, hint=f"give a list: [{words}]")
    _check_items(value, where, (str,), hint=hint)


def check_node_name(value: object, where: str) -> None:
    """Raises InputError with the API server's words: it would refuse a Node of another name."""
    check_text(value, where, example="node-1")
    for problem in subdomain_problems(str(value)):
        raise InputError(invalid((), str(value), problem).body, where=where, hint='give a name such as "node-1"')


def check_operating_system(os: str, profile: RuntimeProfile, where: str) -> None:
    """Raises InputError for a runtime that was never built for that operating system."""
    if os not in profile.operating_systems:
        hint = f"{profile.name} is built for {' and '.join(profile.operating_systems)}; choose another profile"
        raise InputError(f"{profile.runtime_name} has no build for {os}", where=where, hint=hint)


def _check_items(value: object, where: str, kinds: tuple[type, ...], *, hint: str) -> None:
    if not isinstance(value, Sequence) or isinstance(value, bytes | bytearray):
        raise _wrong_type(value, where, hint=hint)
    for position, item in enumerate(value):
        if not isinstance(item, kinds):
            raise _wrong_type(item, f"{where}[{position}]", hint=hint)


def _wrong_type(value: object, where: str, *, hint: str) -> InputError:
    return InputError(f"{value!r} is of type {type(value).__name__}", where=where, hint=hint)
