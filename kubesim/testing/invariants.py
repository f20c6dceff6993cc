"""What holds for the identity of containers on every node, whatever the pod. Pods are v1 Pods as dicts.

Each function raises ExpectationFailed that names the pod, the container, and both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubesim.errors import ExpectationFailed

Pod = Mapping[str, Any]

_STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


def primary_gid_is_in_groups(pod: Pod) -> None:
    """The gid of every container is one of its supplementalGroups (CVE-2023-25173, CVE-2022-2995).

    One exception is known: under Strict, containerd leaves root's gid 0 out when neither pod nor image names a user.
    """
    is_strict = _security_context(pod).get("supplementalGroupsPolicy") == "Strict"
    for container, user in _users(pod["status"]):
        if is_strict and user["gid"] == 0:
            continue
        if user["gid"] not in user.get("supplementalGroups", []):
            raise ExpectationFailed(
                f"{_key(pod)} container {container}: the primary gid {user['gid']} is not in its groups "
                f"{user.get('supplementalGroups', [])}"
            )


def strict_adds_nothing(pod: Pod) -> None:
    """With supplementalGroupsPolicy Strict a container has no group that its pod does not name (KEP-3619).

    Named are supplementalGroups, fsGroup and the primary gid. A pod without the policy passes.
    """
    context = _security_context(pod)
    if context.get("supplementalGroupsPolicy") != "Strict":
        return
    named = {*context.get("supplementalGroups", [])}
    if "fsGroup" in context:
        named.add(context["fsGroup"])
    for container, user in _users(pod["status"]):
        added = [gid for gid in user.get("supplementalGroups", []) if gid not in {*named, user["gid"]}]
        if added:
            raise ExpectationFailed(
                f"{_key(pod)} container {container}: Strict, but groups {added} are not among the named ones "
                f"{sorted(named)} and the primary gid {user['gid']}"
            )


def identity_is_stable(versions: Sequence[Mapping[str, Any]]) -> None:
    """A container has the same identity at every restart. `versions` are those of `kubesim.Node.versions`.

    A version in which a container has no identity (it waits, or the runtime does not report one) is passed over.
    """
    first: dict[str, tuple[Mapping[str, Any], float]] = {}
    for version in versions:
        for container, user in _users(version["status"]):
            before, since = first.setdefault(container, (user, version["t"]))
            if user != before:
                raise ExpectationFailed(
                    f"container {container}: its identity was {before} at {since:.3f} s and is {user} at "
                    f"{version['t']:.3f} s"
                )


def _security_context(pod: Pod) -> Mapping[str, Any]:
    return pod["spec"].get("securityContext") or {}


def _users(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and Linux identity of every container that has one."""
    for name in _STATUS_LISTS:
        for container in status.get(name, []):
            user = (container.get("user") or {}).get("linux")
            if user is not None:
                yield container["name"], user


def _key(pod: Pod) -> str:
    return f"{pod['metadata'].get('namespace', 'default')}/{pod['metadata']['name']}"
