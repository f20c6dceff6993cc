"""What a resize looks like from outside: the versions that were published since, its events, and its CRI calls."""

from collections.abc import Iterable, Mapping
from typing import Any

POD = "default/web"
CALLS = {"UpdateContainerResources", "UpdatePodSandboxResources", "ListContainerStats", "StopContainer"}


def resources(
    cpu: str = "", memory: str = "", *, cpu_limit: str = "", memory_limit: str = ""
) -> dict[str, dict[str, str]]:
    """Requests and limits."""
    found = {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": cpu_limit, "memory": memory_limit},
    }
    kept = {kind: {name: amount for name, amount in one.items() if amount} for kind, one in found.items()}
    return {kind: one for kind, one in kept.items() if one}


def resize(story: Any, name: str = "a", key: str = POD, **amounts: str) -> None:
    """Ask for other resources of one container."""
    story.node.resize(key, {"spec": {"containers": [{"name": name, "resources": resources(**amounts)}]}})


def versions(story: Any, *, since: int, key: str = POD) -> str:
    """A line for each version after the first `since` ones, with the resources of containers and pod."""
    lines: list[str] = []
    for version in story.node.versions(key)[since:]:
        status = version["status"]
        words = [f"{version['t']:.3f}s", f"generation={status.get('observedGeneration')}"]
        for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            words.append(f"{one['name']}: {_state(one)} {_amounts(one.get('resources'))}")
            words.append(f"allocated {_list(one.get('allocatedResources', {}))}")
        words.append(f"pod {_amounts(status.get('resources'))}")
        words += [_condition(one) for one in status["conditions"] if "Resize" in one["type"]]
        lines.append(" ".join(words))
    return "\n".join(lines)


def events(story: Any, key: str = POD) -> str:
    """The events of resizes, and of containers that ended for them."""
    return "\n".join(line for line in story.events(key).splitlines() if "esize" in line)


def calls(story: Any, since_ns: int) -> str:
    """The CRI calls that change resources, with what they ask."""
    lines = []
    for entry in story.node.journal:
        if entry.time_ns < since_ns or entry.method not in CALLS:
            continue
        request = entry.as_dict()["request"]
        asked = request.get("linux") or request.get("resources") or {}
        shown = [
            f"{name}={asked[name]}" for name in ("cpu_shares", "cpu_quota", "memory_limit_in_bytes") if name in asked
        ]
        failed = [f"-> {entry.error.code.name}"] if entry.error is not None else []
        lines.append(" ".join([entry.method, *shown, *failed]))
    return "\n".join(lines)


def _condition(condition: Mapping[str, Any]) -> str:
    reason = f"({condition['reason']})" if condition.get("reason") else ""
    message = f" {condition['message']}" if condition.get("message") else ""
    return f"{condition['type']}@{condition['observedGeneration']}{reason}{message}"


def _state(status: Mapping[str, Any]) -> str:
    (state,) = status["state"]
    restarts = f" restarts={status['restartCount']}" if status["restartCount"] else ""
    return f"{state}{restarts}"


def _amounts(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "none"
    return f"requests {_list(found.get('requests', {}))} limits {_list(found.get('limits', {}))}"


def _list(found: Mapping[str, str]) -> str:
    def shown() -> Iterable[str]:
        return (f"{name}={found[name]}" for name in sorted(found))

    return "{" + " ".join(shown()) + "}"
