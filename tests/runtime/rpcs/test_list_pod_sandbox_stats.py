"""ListPodSandboxStats: what the sandboxes use that match a filter."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api


def listing(node: Any, **selection: Any) -> list[api.PodSandboxStats]:
    request = api.ListPodSandboxStatsRequest(filter=api.PodSandboxStatsFilter(**selection))
    return list(node.do(node.cri.list_pod_sandbox_stats(request)).stats)


def ids(node: Any, **selection: Any) -> list[str]:
    return [stats.attributes.id for stats in listing(node, **selection)]


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_filters(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pods = [node.run_pod(node.pod_config(name, labels={"n": name})) for name in ("a", "b")]
    response = node.do(node.cri.list_pod_sandbox_stats(api.ListPodSandboxStatsRequest()))
    assert {stats.attributes.id for stats in response.stats} == set(pods), "no filter at all"
    assert sorted(ids(node)) == sorted(pods)
    assert ids(node, id=pods[1][:20]) == [pods[1]]
    assert ids(node, id="f0" * 20) == []
    assert ids(node, label_selector={"n": "a"}) == [pods[0]]
    assert ids(node, label_selector={"n": "a"}, id=pods[1]) == []


def test_stopped_ones(node: Any, crio: Any) -> None:
    for each in (node, crio):
        pods = [each.run_pod(each.pod_config(name)) for name in ("a", "b")]
        each.stop_pod(pods[0])
        assert set(ids(each)) == set(pods[1:] if each is node else pods)
        assert ids(each, id=pods[0]) == ([] if each is node else pods[:1])


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36", "ideal"])
def test_the_time_of_the_cpu_advances_from_call_to_call(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    node.start(node.run_pod(), "sleep", "1000")
    first = listing(node)[0].linux.cpu
    node.advance(1)
    second = listing(node)[0].linux.cpu
    assert second.timestamp - first.timestamp == 10**9
    assert second.usage_core_nano_seconds.value > first.usage_core_nano_seconds.value


def test_on_windows(new_node: Any) -> None:
    node = new_node(os="windows")
    node.run_pod()
    (stats,) = listing(node)
    assert (stats.HasField("windows"), stats.HasField("linux")) == (True, False)
