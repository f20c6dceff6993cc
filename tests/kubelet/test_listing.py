"""What both lists of the runtime show of its pods: as the answers say, whether or not they were seen before."""

import pytest

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.runtime_pods import ROWS_BYTES_MAX, Listing


def sandbox(number: int, *, uid: str = "u", state: int = api.SANDBOX_READY) -> api.PodSandbox:
    metadata = api.PodSandboxMetadata(name=f"web-{uid}", namespace="default", uid=uid)
    return api.PodSandbox(id=f"s{number}", metadata=metadata, state=state, created_at=number)


def container(number: int, *, uid: str = "u") -> api.Container:
    of_pod = {labels.POD_UID: uid, labels.POD_NAME: f"web-{uid}", labels.POD_NAMESPACE: "default"}
    metadata = api.ContainerMetadata(name="app")
    return api.Container(
        id=f"c{number}", pod_sandbox_id="s1", metadata=metadata, labels=of_pod if uid else {}, created_at=number
    )


def listing(sandboxes: list[api.PodSandbox], containers: list[api.Container]) -> Listing:
    return Listing(
        api.ListPodSandboxResponse(items=sandboxes).SerializeToString(),
        api.ListContainersResponse(containers=containers).SerializeToString(),
    )


def test_the_newest_come_first() -> None:
    found = listing([sandbox(1), sandbox(3), sandbox(2)], [container(5), container(7)]).pods()["u"]
    assert [one.id for one in found.sandboxes] == ["s3", "s2", "s1"]
    assert [one.id for one in found.containers] == ["c7", "c5"]


@pytest.mark.parametrize("others", [0, ROWS_BYTES_MAX // 20])
def test_a_sandbox_is_as_the_answer_says(others: int) -> None:
    more = [sandbox(number, uid=f"u{number}") for number in range(10, 10 + others)]
    for state in (api.SANDBOX_READY, api.SANDBOX_NOTREADY, api.SANDBOX_READY):
        pods = listing([sandbox(1, state=state), *more], []).pods()
        assert pods["u"].sandboxes[0].is_ready is (state == api.SANDBOX_READY)
        assert len(pods) == 1 + others


def test_containers_whose_sandbox_is_gone_are_of_their_pod() -> None:
    found = listing([], [container(1), container(2, uid="")]).pods()
    assert {uid: (one.name, one.namespace, len(one.containers)) for uid, one in found.items()} == {
        "u": ("web-u", "default", 1)
    }
