"""Answers about what has not changed are kept, and are others as soon as anything in them is."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.daemon import Features
from kubesim.runtime.kept_answers import ANSWERS_MAX, KeptAnswers
from kubesim.runtime.sandbox_status import sandbox_status_message
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


def test_only_the_answers_built_last_are_kept(node: Any) -> None:
    pod = node.run_pod()
    containers = [ended(node, pod, f"c{number}") for number in range(ANSWERS_MAX + 1)]
    kept = node.runtime.daemon.exited_statuses._answers

    assert list(kept) == containers[1:]
    assert node.status(containers[0]) == built(node, containers[0])
    assert list(kept) == [*containers[2:], containers[0]]


def test_an_answer_is_built_once_for_what_it_is_made_from() -> None:
    kept, built = KeptAnswers(), []

    def build() -> bytes:
        built.append(None)
        return b"%d" % len(built)

    asked = [("a", (1, "x")), ("a", (1, "x")), ("b", (1, "x")), ("a", (2, "x")), ("a", (1, "x"))]
    assert [kept.answer(name, made_from, build) for name, made_from in asked] == [b"1", b"1", b"2", b"3", b"4"]


# -- sandboxes --------------------------------------------------------------------------------------------


def answer_about(node: Any, pod: str) -> api.PodSandboxStatusResponse:
    """The answer, which must say what it would say if nothing were kept."""
    response: api.PodSandboxStatusResponse = node.do(
        node.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod))
    )
    daemon = node.runtime.daemon
    assert response.status == sandbox_status_message(daemon, daemon.sandboxes.get(pod))
    return response


def test_a_sandbox_is_described_once_while_containers_come_and_go(node: Any) -> None:
    pod = node.run_pod()
    first = answer_about(node, pod)
    kept = node.runtime.daemon.sandbox_statuses._answers[pod]
    ended(node, pod)
    assert answer_about(node, pod) == first
    assert node.runtime.daemon.sandbox_statuses._answers[pod] is kept


def test_a_sandbox_that_is_stopped_is_described_anew(node: Any) -> None:
    pod = node.run_pod()
    assert answer_about(node, pod).status.state == api.SANDBOX_READY
    node.stop_pod(pod)
    answer = answer_about(node, pod)
    assert (answer.status.state, answer.status.network.ip) == (api.SANDBOX_NOTREADY, "")


def test_resources_that_a_sandbox_is_given_are_in_its_next_answer(node: Any) -> None:
    pod = node.run_pod()
    before = answer_about(node, pod)
    for limit in (1 << 26, 1 << 27):
        resources = api.LinuxContainerResources(memory_limit_in_bytes=limit)
        request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, overhead=resources, resources=resources)
        node.do(node.cri.update_pod_sandbox_resources(request))
        assert str(limit) in answer_about(node, pod).info["info"]
    assert str(1 << 26) not in before.info["info"]


def test_a_verbose_answer_is_never_the_kept_one(node: Any) -> None:
    pod = node.run_pod()
    short = answer_about(node, pod)
    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    assert node.do(node.cri.pod_sandbox_status(request)).info["info"] != short.info["info"]
    assert answer_about(node, pod) == short


# -- images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_images_are_found_and_listed_as_they_are_now(new_node: Any, new_image: Any, profile: str) -> None:
    new = "registry.example/new:1"
    later = new_image(new, marker="later", is_present=False)
    node = new_node(profile, images=(new_image(BUSYBOX), later))

    def seen() -> tuple[list[str], list[str], str]:
        """What the list has, what the status has, and what the id leads to."""
        listed = sorted(name for row in node.images() for name in row.repo_tags)
        asked = [name for name in (BUSYBOX, new) if node.image_of(name) is not None]
        by_id = node.image_of(later.id.removeprefix("sha256:"))
        return listed, asked, "" if by_id is None else ",".join(by_id.repo_tags)

    assert seen() == seen() == ([BUSYBOX], [BUSYBOX], "")
    node.do(node.pulling(new))
    assert seen() == seen() == ([BUSYBOX, new], [BUSYBOX, new], new)
    node.runtime.add_image(new_image(new, marker="moved"))
    assert seen() == seen() == ([BUSYBOX, new], [BUSYBOX, new], "")
    node.do(node.removing_image(new))
    assert seen() == seen() == ([BUSYBOX], [BUSYBOX], "")
    node.do(node.removing_image(BUSYBOX))
    assert seen()[:2] == seen()[:2] == ([], [])


# -- the runtime itself -----------------------------------------------------------------------------------


def test_a_status_knows_every_feature() -> None:
    features = Features(
        supplemental_groups_policy=True,
        user_namespaces_host_network=False,
        recursive_read_only_mounts=True,
        user_namespaces=False,
        network_ready=False,
    )
    assert features.values() == astuple(features)


@pytest.mark.parametrize("name", [field.name for field in fields(Features)])
def test_a_feature_that_changes_is_in_the_next_status(new_node: Any, name: str) -> None:
    node = new_node("ideal")  # the one that tells of all of them

    def status() -> api.StatusResponse:
        response: api.StatusResponse = node.do(node.cri.status(api.StatusRequest()))
        return response

    before = status()
    assert status() == before
    value = getattr(node.runtime.daemon.features, name)
    node.runtime.set_feature(name, not value)
    assert status() != before
    node.runtime.set_feature(name, value)
    assert status() == before


def test_a_deprecated_thing_that_is_used_is_in_the_next_status(node: Any) -> None:
    before = node.do(node.cri.status(api.StatusRequest()))
    node.runtime.daemon.deprecations["one"] = "of them"
    assert "of them" in str(node.do(node.cri.status(api.StatusRequest())))
    node.runtime.restart()
    assert node.do(node.cri.status(api.StatusRequest())) == before
