"""StreamContainers: ListContainers in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import api


def streamed(node: Any, **selection: Any) -> list[list[api.Container]]:
    async def collect() -> list[list[api.Container]]:
        request = api.StreamContainersRequest(filter=api.ContainerFilter(**selection))
        return [list(message.containers) async for message in node.cri.stream_containers(request)]

    found: list[list[api.Container]] = node.do(collect())
    return found


def test_no_container_no_message(crio: Any) -> None:
    pod = crio.run_pod()
    assert streamed(crio) == []
    crio.create(pod, crio.container_config("true"))
    assert streamed(crio, pod_sandbox_id="no such id") == []


@pytest.mark.parametrize(("containers", "messages"), [(1, 1), (3, 1), (5, 2)])
def test_each_once_in_messages_that_are_full_but_for_the_last(crio: Any, containers: int, messages: int) -> None:
    profile = crio.runtime._daemon.profile
    statistics = structs.replace(profile.statistics, stream_chunk_items=3)
    crio.runtime._daemon.profile = structs.replace(profile, statistics=statistics)
    pod = crio.run_pod()
    for number in range(containers):
        crio.create(pod, crio.container_config("true", name=f"c{number}"))
    found = streamed(crio)
    assert [row for rows in found for row in rows] == crio.containers()
    assert len(found) == messages
    assert all(len(rows) == 3 for rows in found[:-1])


def test_the_filters_are_those_of_the_list(crio: Any) -> None:
    pods = [crio.run_pod(crio.pod_config(name)) for name in ("a", "b")]
    containers = [
        crio.start(pod, "sleep", "1000", name=name, labels={"app": name}, pod_config=crio.pod_config(pod_name))
        for pod, pod_name, name in ((pods[0], "a", "x"), (pods[0], "a", "y"), (pods[1], "b", "z"))
    ]
    crio.do(crio.stopping(containers[1]))
    exited = api.ContainerStateValue(state=api.CONTAINER_EXITED)
    for selection in (
        {"id": containers[0][:9]},
        {"pod_sandbox_id": pods[0][:9]},
        {"state": exited},
        {"label_selector": {"app": "z"}},
        {"pod_sandbox_id": pods[1], "id": containers[0]},
    ):
        assert [row for rows in streamed(crio, **selection) for row in rows] == crio.containers(**selection)
