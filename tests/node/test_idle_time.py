"""What a node does while nothing happens is told the same whether it is passed at once, noted look by look, or done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kubesim import Node
from kubesim.kernel import Beat, Idle
from kubesim.kubelet.runtime_manager import RuntimeManager

PODS = """
apiVersion: v1
kind: Pod
metadata:
  name: crasher
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: ["sh", "-c", "sleep 7; false"]
---
apiVersion: v1
kind: Pod
metadata:
  name: sleeper
spec:
  terminationGracePeriodSeconds: 20
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, "36000000"]
    readinessProbe:
      periodSeconds: 50
      exec: {command: ["true"]}
---
apiVersion: v1
kind: Pod
metadata:
  name: late
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, "36000000"]
    env:
    - name: A
      valueFrom: {configMapKeyRef: {name: missing, key: a}}
"""


def told(node: Node) -> dict[str, Any]:
    """All that a node tells of what it did."""
    return {
        "journal": node.journal,
        "events": node.events,
        "versions": {key: node.versions(key) for key in ("default/crasher", "default/sleeper", "default/late")},
        "node": node._world.api.get_node(),
        "metrics": dict(node.metrics()),
        "log": node.log,
    }


def story(*, one_by_one: bool = False, version: str = "1.36") -> dict[str, Any]:
    with Node(kubelet_version=version) as node:
        node._kernel.idles_one_by_one = one_by_one
        node.start()
        node.advance("2m")
        node.apply(PODS)
        node.advance("25m")
        node.delete("default/sleeper")
        node.advance("17m30s")
        node.advance("1ns")
        node.advance("8m")
        return told(node)


@pytest.mark.parametrize("version", ["1.36", "1.28"])
def test_nobody_can_tell_how_idle_time_was_passed(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = story(version=version)
    noted = story(one_by_one=True, version=version)
    wait = Beat.wait

    async def wait_awake(beat: Beat, period_ns: int, _idle: Idle | None = None, **_: bool) -> None:
        await wait(beat, period_ns)

    monkeypatch.setattr(Beat, "wait", wait_awake)
    done = story(version=version)

    assert len(at_once["journal"]) > 6_000
    for what, told_of in at_once.items():
        assert told_of == noted[what], what
        assert told_of == done[what], what


SLEEPER = """
apiVersion: v1
kind: Pod
metadata:
  name: sleeper
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, "36000000"]
"""


def test_a_running_pod_to_which_nothing_happens_is_synced_on_and_on_but_computed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: Counter[str] = Counter()
    sync = RuntimeManager.sync

    async def counted_sync(manager: RuntimeManager, *arguments: Any, **more: Any) -> Any:
        done["computed"] += 1
        return await sync(manager, *arguments, **more)

    monkeypatch.setattr(RuntimeManager, "sync", counted_sync)
    with Node() as node:
        (key,) = node.apply(SLEEPER)
        node.advance("10m")
        done.clear()
        said = warnings_said(node, key)
        node.advance("2h")
        assert warnings_said(node, key) > said + 80  # every 60 to 90 seconds
        assert done["computed"] == 1  # somebody outside drove the node: that may have changed something
        node.advance("1h")
        assert done["computed"] == 2


def warnings_said(node: Node, key: str) -> int:
    """How often a pod was told that it has no DNS of a cluster: once a sync."""
    return max(one["count"] for one in node.event_writes(key) if one["reason"] == "MissingClusterDNS")


def test_a_day_of_an_idle_node_fires_a_fraction_of_its_events() -> None:
    with Node() as node:
        node.start()
        node.advance("10m")
        kernel, calls = node._kernel, len(node.journal)
        fired, scheduled = kernel.events_fired, kernel.sequence
        node.advance("24h")

        assert kernel.events_fired - fired > 200_000
        assert kernel.sequence - scheduled < 20_000
        assert len(node.journal) - calls > 200_000
