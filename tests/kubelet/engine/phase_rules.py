"""Which phase may a pod have, given the statuses of its containers that were published with it?

A second reading of pkg/kubelet/kubelet_pods.go (getPhase) and pkg/api/v1/pod/util.go (ContainerShouldRestart), on the
documents of the API and without anything of kubesim.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
TERMINAL = {"Succeeded", "Failed"}
RESTARTING_ALL = "RestartingAllContainers"


def wrong_phases(spec: Document, versions: Sequence[Document], *, uses_rules: bool) -> Iterator[str]:
    """The versions with a phase that no rule gives; `uses_rules`: containers may have restart policies of their own."""
    before = "Pending"
    for index, version in enumerate(versions):
        status = version["status"]
        phase = status.get("phase") or "Pending"
        allowed = {
            _phase(spec, status, uses_rules=uses_rules, is_initialized=is_initialized, is_ending=is_ending)
            for is_initialized in (False, True)
            for is_ending in (False, True)
        }
        is_ended_by_kubelet = any(one["status"].get("reason") for one in versions[index:])
        if allowed & TERMINAL or before in TERMINAL or is_ended_by_kubelet:
            # A terminal phase waits until nothing runs any more, and stays.
            allowed.add(before)
        if status.get("reason") or "deletionTimestamp" in version:
            # The kubelet ends the pod (deadline, eviction, preemption, rejection), or a pod that is deleted never ran.
            allowed.add("Failed")
        if phase not in allowed:
            yield f"at {version['t']:.3f} s: the phase is {phase}, and the statuses of the containers make {allowed}"
        before = phase


def _phase(spec: Document, status: Document, *, uses_rules: bool, is_initialized: bool, is_ending: bool) -> str:
    known = {one["name"]: one for one in _listed(status, "containerStatuses", "initContainerStatuses")}
    regular = [(one, known.get(one["name"])) for one in spec["containers"]]
    sidecars = [(one, known.get(one["name"])) for one in _init(spec) if one.get("restartPolicy") == "Always"]
    steps = [(one, known.get(one["name"])) for one in _init(spec) if one.get("restartPolicy") != "Always"]
    ends = [(one, _end(found)) for one, found in steps]
    failed = [(one, end) for one, end in ends if end is not None and end["exitCode"] != 0]
    if uses_rules:
        if any(not _restarts(spec, one, end) for one, end in failed):
            return "Failed"
    elif failed and spec["restartPolicy"] == "Never":
        return "Failed"
    never_ran = [found for _, found in regular if found is not None and _is_waiting(found)]
    # Whether a sidecar has started is not known yet when the phase is made.
    late = [found for _, found in sidecars if found is None or _is_waiting(found) or "running" in found["state"]]
    if any(end is None for _, end in ends) or (late and not is_initialized) or never_ran:
        return "Pending"
    if any(found is not None and _is_waiting(found) for _, found in sidecars):
        return "Pending"
    if any(found is None for _, found in (*regular, *sidecars)):
        return "Pending"
    if any("running" in found["state"] for _, found in (*regular, *sidecars) if found is not None):
        return "Running"
    stopped = [(one, end) for one, found in regular if (end := _end(found)) is not None]
    succeeded = all(found is not None and _code(found) == 0 for _, found in regular)
    if is_ending:
        return "Succeeded" if succeeded else "Failed"
    if uses_rules:
        if any(_restarts(spec, one, end) for one, end in stopped):
            return "Running"
        return "Succeeded" if succeeded else "Failed"
    if spec["restartPolicy"] == "Always":
        return "Running"
    if succeeded:
        return "Succeeded"
    return "Failed" if spec["restartPolicy"] == "Never" else "Running"


def _listed(status: Document, *names: str) -> list[Document]:
    return [one for name in names for one in status.get(name) or []]


def _init(spec: Document) -> Sequence[Document]:
    found: Sequence[Document] = spec.get("initContainers") or []
    return found


def _end(found: Document | None) -> Document | None:
    """How a container ended that does not run; None for one that runs, or never ran."""
    if found is None or "running" in found["state"]:
        return None
    end: Document | None = found["state"].get("terminated") or (found.get("lastState") or {}).get("terminated")
    return end


def _code(found: Document) -> int | None:
    """The exit code of a container whose state is terminated."""
    end = found["state"].get("terminated")
    return None if end is None else end["exitCode"]


def _is_waiting(found: Document) -> bool:
    """Whether it waits, and never ran."""
    return "waiting" in found["state"] and not (found.get("lastState") or {}).get("terminated")


def _restarts(spec: Document, container: Document, end: Document) -> bool:
    if end.get("reason") == RESTARTING_ALL:
        return True
    code = end["exitCode"]
    own = container.get("restartPolicy")
    if own is not None:
        for rule in container.get("restartPolicyRules") or []:
            codes = rule["exitCodes"]
            if (code in codes["values"]) == (codes["operator"] == "In"):
                return True
    policy = own or spec["restartPolicy"]
    return bool(policy == "Always" or (policy == "OnFailure" and code != 0))
