"""The status of a container that has ended is kept, and is another one as soon as anything in it is."""

from __future__ import annotations

from typing import Any

from kubesim.cri import api
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.exited_statuses import ANSWERS_MAX
from tests.runtime.conftest import BUSYBOX


def built(node: Any, container: str) -> api.ContainerStatus:
    """The status as it is made, whatever is kept."""
    daemon = node.runtime.daemon
    return container_status_message(daemon, daemon.containers.get(container))


def ended(node: Any, pod: str, name: str = "ctr") -> str:
    container: str = node.start(pod, "true", name=name)
    node.advance(1)
    assert node.status(container).state == api.CONTAINER_EXITED
    return container


def test_what_is_kept_is_what_would_be_built(node: Any) -> None:
    pod = node.run_pod()
    container = ended(node, pod)

    assert node.status(container) == node.status(container) == built(node, container)


def test_a_running_container_is_asked_afresh_and_its_end_is_seen(node: Any) -> None:
    container = node.start(node.run_pod(), "sleep", "5")
    assert node.status(container).state == api.CONTAINER_RUNNING
    node.advance(6)

    assert node.status(container).state == api.CONTAINER_EXITED
    assert node.status(container) == built(node, container)


def test_an_image_that_loses_its_name_is_shown_without_it(node: Any) -> None:
    container = ended(node, node.run_pod())
    before = node.status(container)
    node.do(node.removing_image(BUSYBOX))

    assert node.status(container) == built(node, container)
    assert node.status(container).image_ref != before.image_ref


def test_only_the_last_answers_are_kept(node: Any) -> None:
    pod = node.run_pod()
    containers = [ended(node, pod, f"c{number}") for number in range(ANSWERS_MAX + 1)]
    kept = node.runtime.daemon.exited_statuses._answers

    assert list(kept) == containers[1:]
    assert node.status(containers[0]) == built(node, containers[0])
    assert list(kept) == [*containers[2:], containers[0]]
