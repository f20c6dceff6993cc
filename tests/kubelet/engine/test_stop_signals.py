"""A stop signal of the pod's own: asked of the runtime, sent when the container stops, and published."""

from typing import Any

import pytest

from kubesim.cri import api
from kubesim.errors import InputError
from kubesim.kubelet.stop_signals import requested_stop_signal, stop_signal_name
from kubesim.model import k8s_v1 as v1
from kubesim.model.validation.stop_signals import SIGNALS

GATE_ON = {
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "featureGates": {"ContainerStopSignals": True},
}
TRAPS = 'trap "exit 7" USR1; trap "exit 9" TERM; while true; do sleep 1; done'


def asked_signals(story: Any) -> list[str]:
    """ContainerConfig.stop_signal of every CreateContainer."""
    requests = (entry.as_dict()["request"] for entry in story.node.journal if entry.method == "CreateContainer")
    return [request["config"].get("stop_signal", "") for request in requests]


def stopped(story: Any) -> Any:
    """The end of the container of a pod that is deleted after a while."""
    story.run("5s")
    story.node.delete("default/web")
    story.run("60s")
    return story.of("a")


def test_the_named_signal_ends_the_container(new_story: Any, c: Any) -> None:
    story = new_story(config=GATE_ON)
    story.pod(c("a", "sh", "-c", TRAPS, lifecycle={"stopSignal": "SIGUSR1"}), os={"name": "linux"})
    story.run("5s")
    assert story.of("a")["stopSignal"] == "SIGUSR1"

    end = stopped(story)
    assert asked_signals(story) == ["SIGNAL_SIGUSR1"]
    assert end["state"]["terminated"]["exitCode"] == 7
    assert end["stopSignal"] == "SIGUSR1"


def test_without_one_the_runtime_reports_its_own(new_story: Any, c: Any) -> None:
    story = new_story(config=GATE_ON)
    story.pod(c("a", "sh", "-c", TRAPS))
    end = stopped(story)
    rows = [row for one in story.node.versions("default/web") for row in one["status"].get("containerStatuses", ())]
    waiting = [row for row in rows if "waiting" in row["state"]]

    assert waiting
    assert all("stopSignal" not in row for row in waiting)
    assert asked_signals(story) == [""]
    assert (end["state"]["terminated"]["exitCode"], end["stopSignal"]) == (9, "SIGTERM")


def test_a_runtime_that_knows_no_stop_signals_sends_its_own(new_story: Any, c: Any) -> None:
    story = new_story(config=GATE_ON, profile="containerd-2.1")
    story.pod(c("a", "sh", "-c", TRAPS, lifecycle={"stopSignal": "SIGUSR1"}), os={"name": "linux"})
    end = stopped(story)

    assert end["state"]["terminated"]["exitCode"] == 9
    assert "stopSignal" not in end


def test_without_the_gate_the_field_is_dropped(story: Any, c: Any) -> None:
    """Even a signal that does not exist: the API server drops the field before it looks at it."""
    story.pod(c("a", "sh", "-c", TRAPS, lifecycle={"stopSignal": "SIGNONE"}))
    end = stopped(story)

    assert asked_signals(story) == [""]
    assert end["state"]["terminated"]["exitCode"] == 9
    assert "stopSignal" not in end


def test_a_signal_needs_the_pods_operating_system(new_story: Any, c: Any) -> None:
    story = new_story(config=GATE_ON)
    with pytest.raises(InputError) as refused:
        story.pod(
            c("a", lifecycle={"stopSignal": "SIGUSR1"}),
            c("b", lifecycle={"stopSignal": "SIGTERM"}),
        )

    for index in (0, 1):
        assert (
            f"spec.containers[{index}].lifecycle.stopSignal: Forbidden: "
            "may not be set for containers with empty `spec.os.name`"
        ) in str(refused.value)


@pytest.mark.parametrize(
    ("system", "signal", "listed"),
    [
        ("linux", "USR1", '"SIGABRT", "SIGALRM", "SIGBUS"'),
        ("linux", "SIGRTMIN+16", '"SIGRTMAX", "SIGRTMAX-1", "SIGRTMAX-10"'),
        ("windows", "SIGHUP", 'supported values: "SIGKILL", "SIGTERM"'),
    ],
)
def test_a_signal_that_the_system_does_not_have(new_story: Any, c: Any, system: str, signal: str, listed: str) -> None:
    story = new_story(config=GATE_ON)
    with pytest.raises(InputError) as refused:
        story.pod(c("a", lifecycle={"stopSignal": signal}), os={"name": system})

    text = str(refused.value)
    assert f'spec.containers[0].lifecycle.stopSignal: Unsupported value: "{signal}": supported values: ' in text
    assert listed in text


@pytest.mark.parametrize("name", SIGNALS["linux"])
def test_every_signal_survives_the_way_to_the_runtime_and_back(name: str) -> None:
    asked = requested_stop_signal(v1.Container(name="a", lifecycle=v1.Lifecycle(stop_signal=name)))

    assert asked != api.SIGNAL_RUNTIME_DEFAULT
    assert stop_signal_name(asked) == name


def test_what_has_no_name() -> None:
    assert stop_signal_name(api.SIGNAL_RUNTIME_DEFAULT) is None
    assert stop_signal_name(9999) == ""
    assert requested_stop_signal(v1.Container(name="a")) == api.SIGNAL_RUNTIME_DEFAULT
    odd = v1.Container(name="a", lifecycle=v1.Lifecycle(stop_signal="SIGNONE"))
    assert requested_stop_signal(odd) == api.SIGNAL_RUNTIME_DEFAULT
