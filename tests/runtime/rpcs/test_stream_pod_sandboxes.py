"""StreamPodSandboxes: ListPodSandbox in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import api
from kubesim.runtime.profiles import load_profile


def streamed(node: Any, **selection: Any) -> list[list[api.PodSandbox]]:
    async def collect() -> list[list[api.PodSandbox]]:
        request = api.StreamPodSandboxesRequest(filter=api.PodSandboxFilter(**selection))
        return [list(message.pod_sandboxes) async for message in node.cri.stream_pod_sandboxes(request)]

    found: list[list[api.PodSandbox]] = node.do(collect())
    return found


def test_no_sandbox_no_message(crio: Any) -> None:
    assert streamed(crio) == []
    crio.run_pod()
    assert streamed(crio, id="no such id") == []


@pytest.mark.parametrize(("pods", "messages"), [(2, 1), (3, 1), (4, 2), (7, 3)])
def test_each_once_in_messages_that_are_full_but_for_the_last(crio: Any, pods: int, messages: int) -> None:
    profile = crio.runtime._daemon.profile
    statistics = structs.replace(profile.statistics, stream_chunk_items=3)
    crio.runtime._daemon.profile = structs.replace(profile, statistics=statistics)
    for number in range(pods):
        crio.run_pod(crio.pod_config(f"pod-{number}"))
    found = streamed(crio)
    assert [row for rows in found for row in rows] == crio.pods()
    assert len(found) == messages
    assert all(len(rows) == 3 for rows in found[:-1])


def test_the_filters_are_those_of_the_list(crio: Any) -> None:
    pods = [crio.run_pod(crio.pod_config(name, labels={"app": name})) for name in ("a", "b", "c")]
    crio.stop_pod(pods[2])
    not_ready = api.PodSandboxStateValue(state=api.SANDBOX_NOTREADY)
    for selection in ({"id": pods[1][:9]}, {"state": not_ready}, {"label_selector": {"app": "a"}}, {}):
        assert [row for rows in streamed(crio, **selection) for row in rows] == crio.pods(**selection)


@pytest.mark.parametrize(("profile", "items"), [("cri-o-1.36", 3000), ("containerd-2.3", 5000)])
def test_the_size_of_a_message_is_the_profiles(profile: str, items: int) -> None:
    assert load_profile(profile).statistics.stream_chunk_items == items
