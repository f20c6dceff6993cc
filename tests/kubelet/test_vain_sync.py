"""Until when a sync that was in vain stands for the next one, and what is told of that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kubesim.kubelet.event_correlator import Said
from kubesim.kubelet.event_recorder import NORMAL, WARNING, node_reference
from kubesim.kubelet.event_reference import container_reference
from kubesim.kubelet.vain_sync import VainSync
from kubesim.model import k8s_v1 as v1

POD = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default", uid="u", labels={"a": "b"}, resource_version="7"),
    spec=v1.PodSpec(containers=[v1.Container(name="c")]),
)
OF_NODE = Said(node_reference("n"), WARNING, "MissingClusterDNS", "text", None)


class Statuses:
    """A status manager, as far as a sync in vain asks it."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown

    def is_shown_in(self, _: v1.Pod) -> bool:
        return self._is_shown


def shows_same(sync: VainSync, pod: v1.Pod, *, now_ns: int = 49, is_shown: bool = False) -> bool:
    return sync.shows_same(pod, Statuses(is_shown=is_shown), now_ns)  # type: ignore[arg-type]  # one method of it


def vain_sync(*, is_news: bool = False, is_settled: bool = False, retry_at_ns: int | None = 100) -> VainSync:
    of_container = Said(container_reference(POD, "c"), NORMAL, "BackOff", "text", None)
    return VainSync(
        events=(OF_NODE, of_container),
        error="failed",
        retry_at_ns=retry_at_ns,
        deadline_ns=50,
        is_news=is_news,
        is_settled=is_settled,
        is_restarting_all=False,
        writes=1,
        resource_version="7",
        spec=POD.spec,
        labels=POD.metadata.labels,
        annotations=POD.metadata.annotations,
        activity=3,
    )


def with_version(version: str) -> v1.Pod:
    return replace(POD, metadata=replace(POD.metadata, resource_version=version))


def test_a_pod_is_untouched_while_nothing_but_its_status_changed() -> None:
    assert vain_sync().is_untouched(with_version("8"), 3)
    assert not vain_sync().is_untouched(POD, 4)
    labelled = replace(POD, metadata=replace(POD.metadata, labels={"a": "b"}))
    annotated = replace(POD, metadata=replace(POD.metadata, annotations={"a": "b"}))
    for touched in (labelled, annotated, replace(POD, spec=v1.PodSpec(containers=[v1.Container(name="c")]))):
        assert not vain_sync().is_untouched(touched, 3)


def test_the_status_is_the_same_without_news_for_this_version_of_the_pod_before_the_deadline() -> None:
    assert shows_same(vain_sync(), POD)
    assert not shows_same(vain_sync(), POD, now_ns=50)
    assert not shows_same(vain_sync(), with_version("8"), is_shown=True)
    assert not shows_same(vain_sync(is_news=True), POD, is_shown=True)


def test_a_settled_status_is_the_same_once_the_api_shows_it() -> None:
    settled = vain_sync(is_news=True, is_settled=True)
    assert shows_same(settled, with_version("8"), is_shown=True)
    assert not shows_same(settled, with_version("8"), is_shown=False)
    assert not shows_same(settled, with_version("8"), is_shown=True, now_ns=50)


@pytest.mark.parametrize(("retry_at_ns", "now_ns", "waits"), [(100, 99, True), (100, 100, False), (None, 10**18, True)])
def test_there_is_nothing_to_do_until_a_back_off_ends(retry_at_ns: int | None, now_ns: int, waits: bool) -> None:
    assert vain_sync(retry_at_ns=retry_at_ns).waits(now_ns) is waits


def test_the_events_of_the_next_version_tell_that() -> None:
    after = vain_sync(is_news=True, is_settled=True).with_status(with_version("8"))

    assert [one.target.resource_version for one in after.events] == ["", "8"]
    assert after.events[0] is OF_NODE
    assert shows_same(after, with_version("8"))
    assert not after.is_settled
    assert after.activity is None
    told = vain_sync().with_status(with_version("8"), writes=1, is_settled=True)
    assert told.is_news
    assert told.is_settled
