"""What a node does while nothing happens is told the same whether it is passed at once, noted look by look, or done."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim import Node
from kubesim.kubelet.runtime_manager import RuntimeManager
from tests.node.idle_stories import PODS, Step, play_in_three_ways

LONG: list[Step] = [
    ("wait", "2m"),
    ("pod", "crasher"),
    ("pod", "sleeper"),
    ("pod", "waiting"),
    ("wait", "25m"),
    ("delete", "sleeper"),
    ("wait", "17m30s"),
    ("wait", "1ns"),
    ("wait", "8m"),
]

EVENTFUL: list[Step] = [
    ("wait", "2m"),
    ("wait for a relist",),
    # One whose disk has to be measured keeps the eviction manager awake.
    *(("pod", name) for name in PODS if name != "limited"),
    ("wait", "6m"),
    ("image",),
    ("feature", "user_namespaces", False),
    ("wait", "2m"),
    ("feature later", 33 * 10**9 + 1, "user_namespaces", True),
    ("nothing later", 51 * 10**9),
    ("wait", "2m"),
    # Longer than half a minute: the node is not ready then.
    ("runtime away", "40s"),
    ("wait", "35s"),
    ("wait", "1m"),
    ("wait for a relist",),
    ("feature", "network_ready", False),
    ("exit", "sleeper"),
    ("wait", "1m"),
    ("feature later", 10**9, "network_ready", True),
    ("wait", "1m"),
    ("config",),
    ("condition", "gated"),
    ("kubelet away", "10s"),
    ("wait", "3m"),
    ("delete", "sleeper"),
    ("disk", "96%"),
    ("wait", "1m"),
    ("disk", "0%"),
    ("wait", "5m30s"),
    ("memory", "100%"),
    ("wait", "30s"),
    ("memory", "0%"),
    ("no image",),
    ("wait", "6m"),
    ("wait for a relist",),
    ("wait", "2m"),
]


def test_nobody_can_tell_how_idle_time_was_passed() -> None:
    told = play_in_three_ways(LONG)

    assert len(told["journal"]) > 6_000


FEW_EVENTS = {"eventRecordQPS": 1, "eventBurst": 3}


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("1.36", {}),
        ("1.28", FEW_EVENTS),
        ("1.36", {"featureGates": {"EventedPLEG": True}, **FEW_EVENTS}),
    ],
)
def test_nor_when_much_happens_in_between(version: str, config: dict[str, Any]) -> None:
    told = play_in_three_ways(EVENTFUL, kubelet_version=version, config=config)

    log, (_, writes) = "\n".join(told["log"]), told["pods"]["crasher"]
    assert log.count("network not ready") > 10
    assert log.count("Status from runtime service failed") > 5
    assert "attempting to reclaim" in log
    # Beyond the spam filter not each of them is written.
    assert any(later["count"] > one["count"] + 1 > 2 for one, later in _said_again(writes))
    assert {one["reason"] for one in told["events"]} >= {"NodeHasDiskPressure", "NodeHasInsufficientMemory", "Evicted"}


def _said_again(writes: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Writes of an Event, each with the one that followed."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    found = []
    for one in writes:
        key = one["reason"], one["message"]
        if key in last:
            found.append((last[key], one))
        last[key] = one
    return found


def test_nor_when_a_sync_in_vain_is_followed_by_one_that_waits_for_the_next_relist() -> None:
    # A relist sees the pod while it starts; its worker waits for the next one, which asks for a sync as well.
    told = play_in_three_ways([("wait", "53768ms"), ("pod", "plain"), ("wait", "20s")], kubelet_version="1.30")

    syncs = [one["t"] for one in told["pods"]["plain"][1] if one["reason"] == "MissingClusterDNS"]
    assert round(syncs[-1] - syncs[-2], 6) == 1


def test_nor_when_events_have_to_wait_for_one_another() -> None:
    pods: list[Step] = [("pod", name) for name in ("plain", "sleeper", "imageless", "waiting", "gated")]
    told = play_in_three_ways([*pods, ("wait", "20m")], config={"eventRecordQPS": 1, "eventBurst": 1})

    times_ns = [time_ns for time_ns, *_ in told["written"]]
    assert times_ns == sorted(times_ns)
    assert min(later_ns - time_ns for time_ns, later_ns in pairwise(times_ns)) >= 10**9


NAMES = st.sampled_from(sorted(PODS))
DELAYS_NS = st.one_of(st.integers(1, 90 * 10**9), st.integers(1, 90).map(lambda seconds: seconds * 10**9))
WAITS = st.builds(lambda delay_ns: ("wait", f"{delay_ns}ns"), DELAYS_NS)
FEATURES = st.sampled_from(["network_ready", "network_ready", "user_namespaces", "recursive_read_only_mounts"])
SHARES = st.sampled_from(["0%", "88%", "96%", "100%"])
AWAY = st.sampled_from(["0s", "1s", "7s", "40s"])
HAPPENINGS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.sampled_from(["pod", "pod", "delete", "exit", "condition"]), NAMES),
    st.tuples(st.sampled_from(["config", "image", "no image", "wait for a relist"])),
    st.tuples(st.just("feature"), FEATURES, st.booleans()),
    st.tuples(st.just("feature later"), DELAYS_NS, FEATURES, st.booleans()),
    st.tuples(st.just("nothing later"), DELAYS_NS),
    st.tuples(st.sampled_from(["disk", "memory"]), SHARES),
    st.tuples(st.sampled_from(["runtime away", "kubelet away"]), AWAY),
)
CONFIGS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        FEW_EVENTS,
        {"featureGates": {"EventedPLEG": True}},
        {"nodeStatusUpdateFrequency": "3s", "nodeStatusReportFrequency": "40s"},
        {
            "evictionSoft": {"memory.available": "1Gi", "nodefs.available": "20%"},
            "evictionSoftGracePeriod": {"memory.available": "30s", "nodefs.available": "1m"},
            "evictionPressureTransitionPeriod": "20s",
        },
    ]
)


@settings(max_examples=12)
@given(
    steps=st.lists(st.one_of(HAPPENINGS, WAITS), max_size=6),
    version=st.sampled_from(["1.36", "1.36", "1.34", "1.31", "1.28"]),
    profile=st.sampled_from(["containerd-2.3", "cri-o-1.34"]),
    config=CONFIGS,
    seed=st.integers(1, 5),
)
def test_nor_whatever_happens(steps: list[Step], version: str, profile: str, config: dict[str, Any], seed: int) -> None:
    last: list[Step] = [("wait", "2m"), ("wait for a relist",), ("wait", "70s")]
    play_in_three_ways([*steps, *last], kubelet_version=version, profile=profile, config=config, seed=seed)


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
