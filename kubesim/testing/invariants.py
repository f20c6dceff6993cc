"""What holds for the identity of containers on every node, whatever the pod and the image.

Each function takes what you have: a v1 Pod as a dict (from kubesim, or from a cluster by `kubectl get -o json`), or a
`kubesim.Node`, of which every pod is looked at. It raises ExpectationFailed that names the pod, the container, and both
sides. So one line at the end of a test says of a whole run that nobody got an identity that nobody may have:

    check_node(node)

The functions of `kubesim.testing.identity_invariants` say the same of a single answer of `kubesim.resolve_identity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from kubesim.errors import ExpectationFailed, InputError

Pod = Mapping[str, Any]
"""A v1 Pod with its status."""

Version = Mapping[str, Any]
"""A version of a pod as `kubesim.Node.versions` gives them: its status, and `t`, seconds of virtual time."""

_STATUS_LISTS = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_PROCESS_IDS = re.compile(r"^(Uid|Gid|Groups):[ \t]*([0-9 \t]*)$", re.MULTILINE)


class NodeOfPods(Protocol):
    """The part of `kubesim.Node` that is used here."""

    def pods(self) -> list[dict[str, Any]]:
        """All v1 Pods."""

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Every version of a pod."""


def check_node(node: NodeOfPods) -> None:
    """All of the following that can be said of a node without running anything on it."""
    primary_gid_is_in_groups(node)
    strict_adds_nothing(node)
    for pod in node.pods():
        identity_is_stable(node.versions(_key(pod)))


def primary_gid_is_in_groups(subject: Pod | NodeOfPods) -> None:
    """The gid of every container is one of its supplementalGroups.

    A process without it can drop the group and pass a permission that is denied to the group (CVE-2023-25173 of
    containerd, CVE-2022-2995 of CRI-O). A container whose identity the runtime does not report passes.
    """
    for pod in _pods(subject):
        for container, user in _users(pod["status"]):
            if user["gid"] not in user.get("supplementalGroups", []):
                raise ExpectationFailed(
                    f"{_key(pod)} container {container}: the primary gid {user['gid']} is not in its groups "
                    f"{user.get('supplementalGroups', [])}"
                )


def strict_adds_nothing(subject: Pod | NodeOfPods) -> None:
    """With supplementalGroupsPolicy Strict a container has no group that its pod does not name (KEP-3619).

    Named are supplementalGroups, fsGroup and the primary gid. A pod without the policy passes. Groups that a volume
    brings (the annotation `pv.beta.kubernetes.io/gid` of a PersistentVolume) are no part of the pod and count as added.
    """
    for pod in _pods(subject):
        context = _security_context(pod)
        if context.get("supplementalGroupsPolicy") != "Strict":
            continue
        named = {*(context.get("supplementalGroups") or [])}
        if context.get("fsGroup") is not None:
            named.add(context["fsGroup"])
        for container, user in _users(pod["status"]):
            added = [gid for gid in user.get("supplementalGroups", []) if gid not in {*named, user["gid"]}]
            if added:
                raise ExpectationFailed(
                    f"{_key(pod)} container {container}: Strict, but groups {added} are not among the named ones "
                    f"{sorted(named)} and the primary gid {user['gid']}"
                )


def identity_is_stable(versions: Sequence[Version]) -> None:
    """A container has the same identity at every restart. `versions` are those of `kubesim.Node.versions`.

    It comes from the pod, which cannot change it, and the image, which a restart takes as it was. A version in which a
    container has no identity (it waits, or the runtime does not report one) is passed over.
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


def setuid_is_not_reported(versions: Sequence[Version], process_status: str | bytes, *, container: str) -> None:
    """The status keeps the identity that a container's first process was started with, whatever it made of itself.

    `containerStatuses[].user` is what was "attached" to the first process (KEP-3619); a process with the capability
    changes its own ids by setuid(2), setgid(2) and setgroups(2), and the runtime does not follow. `versions` are those
    of `kubesim.Node.versions`; `process_status` is the text of /proc/PID/status of that process now, such as the output
    of `node.exec(key, ["cat", "/proc/1/status"])`.

    Raises:
        ExpectationFailed: the status changed; or the process is still who it was, so that nothing was shown.
        InputError: the container never had an identity, or the text is no /proc/PID/status.
    """
    users = [user for version in versions for name, user in _users(version["status"]) if name == container]
    if not users:
        raise InputError(
            "no version of the pod has its identity", where=f"container {container}", hint="is it started?"
        )
    first, now = users[0], users[-1]
    changed = next((user for user in users if user != first), None)
    if changed is not None:
        raise ExpectationFailed(
            f"container {container}: it was started as {first}, and its status followed the process to {changed}"
        )
    uid, gid, groups = _process_ids(process_status)
    if (uid, gid, groups) == (now["uid"], now["gid"], {*now.get("supplementalGroups", []), now["gid"]}):
        raise ExpectationFailed(f"container {container}: its process did not change its ids, it is still {first}")


def _process_ids(status: str | bytes) -> tuple[int, int, set[int]]:
    """The effective uid, the effective gid, and all groups of a process. Mirrors linux: fs/proc/array.c, task_state."""
    text = status.decode(errors="replace") if isinstance(status, bytes) else status
    fields = {name: [int(number) for number in numbers.split()] for name, numbers in _PROCESS_IDS.findall(text)}
    if len(fields.get("Uid", [])) != 4 or len(fields.get("Gid", [])) != 4 or "Groups" not in fields:
        raise InputError("no /proc/PID/status", where="process_status", hint="it has lines Uid:, Gid: and Groups:")
    return fields["Uid"][1], fields["Gid"][1], {*fields["Groups"], fields["Gid"][1]}


def _pods(subject: Pod | NodeOfPods) -> Sequence[Pod]:
    return [subject] if isinstance(subject, Mapping) else subject.pods()


def _security_context(pod: Pod) -> Mapping[str, Any]:
    return pod["spec"].get("securityContext") or {}


def _users(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and Linux identity of every container that has one."""
    for name in _STATUS_LISTS:
        for container in status.get(name) or []:
            user = (container.get("user") or {}).get("linux")
            if user is not None:
                yield container["name"], user


def _key(pod: Pod) -> str:
    return f"{pod['metadata'].get('namespace', 'default')}/{pod['metadata']['name']}"
