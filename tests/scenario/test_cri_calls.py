"""Scenarios that call the runtime past the kubelet, and those that look at what the kubelet counts."""

import pytest

from kubesim.errors import InputError

from .test_replay import APPLY, play, texts

SANDBOX = {"config": {"metadata": {"name": "raw", "uid": "u", "namespace": "d"}, "log_directory": "/tmp/raw"}}


def test_a_raw_call_goes_past_the_kubelet_and_its_answer_can_be_used() -> None:
    sandbox_id = {"pod_sandbox_id": "$(sandbox.pod_sandbox_id)"}
    result = play(
        {"at": "1s", "cri": {"method": "RunPodSandbox", "request": SANDBOX, "as": "sandbox"}},
        {"at": "1s", "cri": {"method": "ListPodSandbox", "as": "all"}},
        {
            "at": "1s",
            "expect": {
                "cri": {"method": "PodSandboxStatus", "request": {"pod_sandbox_id": "$(all.items[0].id)"}},
                "path": "response.status.metadata.name",
                "equals": "raw",
            },
        },
        {"at": "1s", "expect": {"journal": {"method": "RunPodSandbox"}, "count": 0}},
        {"at": "1s", "cri": {"method": "RemovePodSandbox", "request": sandbox_id}},
        {
            "at": "1s",
            "expect": {
                "cri": {"method": "PodSandboxStatus", "request": sandbox_id},
                "path": "error.code",
                "equals": "NotFound",
            },
        },
        {"at": "1s", "cri": {"method": "PodSandboxStatus", "request": sandbox_id}},
    )

    assert result.passed, texts(result)
    assert result.steps[0].text == "RunPodSandbox: OK"
    assert result.steps[-1].text.startswith("PodSandboxStatus: NotFound: ")


def test_a_metric_of_the_kubelet() -> None:
    started = 'kubelet_started_containers_total{container_type="container"}'
    result = play(
        {"at": "0s", "expect": {"metric": started, "absent": True}},
        APPLY,
        {"at": "5s", "expect": {"metric": started, "equals": 1}},
        {"at": "5s", "expect": {"metric": "kubelet_nonsense", "equals": 1}},
    )

    assert [step.passed for step in result.steps] == [True, None, True, False]
    assert result.steps[-1].text == "metric kubelet_nonsense: expected 1, found nothing"


def test_a_part_that_an_answer_does_not_have_is_bad_input() -> None:
    match = r"^s\.yaml:\d+:\d+: cri: \$\(version\.id\) is not in the answer; version has version, runtime_name,"
    with pytest.raises(InputError, match=match):
        play(
            {"at": "0s", "cri": {"method": "Version", "as": "version"}},
            {"at": "0s", "cri": {"method": "PodSandboxStatus", "request": {"pod_sandbox_id": "$(version.id)"}}},
        )
