"""What is derived from a Kubernetes object is derived once, and is no part of the object."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.model.remembered import remembered, remembered_with


def test_each_object_is_asked_about_once() -> None:
    asked: list[str] = []

    @remembered
    def phase(status: v1.PodStatus) -> str:
        asked.append(status.phase)
        return status.phase

    running = v1.PodStatus(phase="Running")
    failed = replace(running, phase="Failed")

    assert [phase(one) for one in (running, running, failed, running)] == ["Running", "Running", "Failed", "Running"]
    assert asked == ["Running", "Failed"]


def test_two_answers_about_one_object_are_two() -> None:
    @remembered
    def phase(status: v1.PodStatus) -> str:
        return status.phase

    @remembered
    def reason(status: v1.PodStatus) -> str:
        return status.reason

    status = v1.PodStatus(phase="Failed", reason="Evicted")
    assert (phase(status), reason(status), phase(status)) == ("Failed", "Evicted", "Failed")


def test_an_answer_changes_neither_what_the_object_equals_nor_what_it_is_encoded_to() -> None:
    @remembered
    def phase(status: v1.PodStatus) -> str:
        return status.phase

    status = v1.PodStatus(phase="Running")
    phase(status)

    assert status == v1.PodStatus(phase="Running")
    assert msgspec.json.encode(status) == b'{"phase":"Running"}'


def test_an_answer_with_something_else_is_given_again_until_that_is_another_object() -> None:
    asked: list[str] = []

    @remembered_with
    def phase(status: v1.PodStatus, suffixes: tuple[str, ...]) -> str:
        asked.append(status.phase)
        return status.phase + "".join(suffixes)

    running, failed = v1.PodStatus(phase="Running"), v1.PodStatus(phase="Failed")
    one, other = ("!", "?"), ("?",)

    assert [phase(running, one), phase(running, one), phase(failed, one)] == ["Running!?", "Running!?", "Failed!?"]
    assert asked == ["Running", "Failed"]
    assert [phase(running, other), phase(running, one)] == ["Running?", "Running!?"]
    assert asked == ["Running", "Failed", "Running", "Running"]
