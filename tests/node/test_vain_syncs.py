"""A sync that finds what the one before found is not computed again, and nobody can tell."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kubesim import Node
from kubesim.kubelet.pod_sync import PodSync
from kubesim.kubelet.pod_work import PodWork
from kubesim.kubelet.runtime_manager import RuntimeManager
from kubesim.kubelet.status_generation import GenerationInputs, generate_pod_status
from kubesim.kubelet.vain_sync import VainSync
from kubesim.policy.pod_view import PodStatusView

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"

CRASHER = f"""
apiVersion: v1
kind: Pod
metadata:
  name: crasher
  labels: {{app: crasher}}
spec:
  containers:
  - name: c
    image: {BUSYBOX}
    command: ["false"]
"""

OTHERS = f"""
apiVersion: v1
kind: Pod
metadata:
  name: short
spec:
  activeDeadlineSeconds: 610
  imagePullSecrets: [{{name: missing}}]
  containers:
  - name: c
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 3; false"]
  - name: other
    image: {BUSYBOX}
    command: [sleep, "36000000"]
---
apiVersion: v1
kind: Pod
metadata:
  name: all-anew
spec:
  restartPolicy: Never
  initContainers:
  - name: first
    image: {BUSYBOX}
    command: ["true"]
  containers:
  - name: c
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 20; exit 3"]
    restartPolicy: Always
    restartPolicyRules:
    - action: RestartAllContainers
      exitCodes: {{operator: In, values: [3]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: gated
spec:
  readinessGates: [{{conditionType: example.com/ready}}]
  initContainers:
  - name: init
    image: {BUSYBOX}
    command: ["sh", "-c", "test -e /data/there || {{ touch /data/there; exit 1; }}"]
    volumeMounts: [{{name: data, mountPath: /data}}]
  - name: sidecar
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 40; false"]
    restartPolicy: Always
  containers:
  - name: c
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 30; false"]
    resources: {{requests: {{cpu: 10m, memory: 20Mi}}, limits: {{memory: 20Mi}}}}
  volumes: [{{name: data, emptyDir: {{}}}}]
"""


def told(node: Node) -> dict[str, Any]:
    """All that a node tells of what it did."""
    return {
        "journal": [
            (one.time_ns, one.end_ns, one.rpc, one.request_bytes, one.response_bytes, str(one.error))
            for one in node.journal
        ],
        "events": node.events,
        "versions": {key: node.versions(f"default/{key}") for key in ("crasher", "short", "all-anew", "gated")},
        "metrics": dict(node.metrics()),
        "log": node.log,
    }


def story(version: str) -> dict[str, Any]:
    with Node(kubelet_version=version) as node:
        node.apply(CRASHER)
        # Restarting all containers came with 1.35.
        node.apply(OTHERS if version == "1.36" else OTHERS.replace("RestartAllContainers", "Restart"))
        node.advance("11m")
        # While the crasher waits, it gets another label, and then another image.
        node.apply(CRASHER.replace("app: crasher", "app: other"))
        node.advance("8m")
        node.apply(CRASHER.replace("1.29-2", "1.29-4"))
        node.advance("20m")
        node.delete("default/gated")
        node.advance("7m")
        return told(node)


@pytest.mark.parametrize("version", ["1.36", "1.34"])
def test_nobody_can_tell_which_syncs_were_computed(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spared = story(version)
    monkeypatch.setattr(VainSync, "is_current", lambda *_: False)
    computed = story(version)

    assert len(spared["journal"]) > 6_000
    for what, told_of in spared.items():
        assert told_of == computed[what], what


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each part of a sync is computed."""
    done: Counter[str] = Counter()
    sync = RuntimeManager.sync

    def counted_generate(inputs: GenerationInputs) -> PodStatusView:
        done["statuses"] += 1
        return generate_pod_status(inputs)

    async def counted_sync(manager: RuntimeManager, *arguments: Any, **more: Any) -> Any:
        done["runtime"] += 1
        return await sync(manager, *arguments, **more)

    monkeypatch.setattr("kubesim.kubelet.pod_sync.generate_pod_status", counted_generate)
    monkeypatch.setattr(RuntimeManager, "sync", counted_sync)
    return done


def test_a_restart_is_three_statuses_and_four_looks_at_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    with Node() as node:
        node.apply(CRASHER)
        node.advance("1h")
        before = node.pod("default/crasher")["status"]["containerStatuses"][0]["restartCount"]
        done.clear()
        node.advance("10h")
        restarts = node.pod("default/crasher")["status"]["containerStatuses"][0]["restartCount"] - before

    assert restarts > 100
    # Status: it runs, it ended, it waits, and that stays. Runtime: the start, and after each of the three.
    assert 3 * restarts <= done["statuses"] <= 3 * restarts + 5
    assert 4 * restarts - 5 <= done["runtime"] <= 4 * restarts + 5


@pytest.mark.parametrize("change", ["labels", "annotations"])
def test_a_pod_that_somebody_changed_is_looked_at_again(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    with Node() as node:
        node.apply(CRASHER)
        node.advance("30m")
        done.clear()
        node.advance("1s")
        assert not done
        node.apply(CRASHER.replace("labels: {app: crasher}", f"{change}: {{app: other}}"))
        node.advance("1s")
        assert done["statuses"] == done["runtime"] == 1


@pytest.mark.parametrize("change", ["labels", "annotations"])
def test_a_pod_that_asks_for_work_is_not_passed_by(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[PodSync, PodWork]] = []
    in_vain = PodSync.in_vain

    def noted(syncer: PodSync, work: PodWork) -> VainSync | None:
        asked.append((syncer, work))
        return in_vain(syncer, work)

    monkeypatch.setattr(PodSync, "in_vain", noted)
    with Node() as node:
        node.apply(CRASHER)
        node.advance("30m")
        assert in_vain(*asked[-1]) is not None
        # Its worker has not heard of it yet.
        node.apply(CRASHER.replace("labels: {app: crasher}", f"{change}: {{app: other}}"))
        assert in_vain(*asked[-1]) is None
