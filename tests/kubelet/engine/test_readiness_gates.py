"""Conditions of others: readiness gates decide over Ready, and the kubelet keeps what is not its own."""

from typing import Any

GATE = "example.com/gate"


def conditions(story: Any) -> list[tuple[str, str, str]]:
    return [(one["type"], one["status"], one.get("reason", "")) for one in story.status()["conditions"]]


def ready(story: Any) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in story.status()["conditions"] if one["type"] == "Ready")
    return found


def test_ready_waits_for_every_gate_and_says_which(story: Any, c: Any) -> None:
    key = story.pod(c("a"), readinessGates=[{"conditionType": GATE}, {"conditionType": "example.com/other"}])
    story.run("5s")
    missing = 'corresponding condition of pod readiness gate "{}" does not exist.'
    assert ready(story)["reason"] == "ReadinessGatesNotReady"
    assert ready(story)["message"] == f"{missing.format(GATE)}, {missing.format('example.com/other')}"
    story.node.set_condition(key, GATE, "False")
    story.run("1s")
    assert ready(story)["message"] == (
        f'the status of pod readiness gate "{GATE}" is not "True", but False, {missing.format("example.com/other")}'
    )
    story.node.set_condition(key, GATE, "True")
    story.node.set_condition(key, "example.com/other", "True")
    story.run("1s")
    assert (ready(story)["status"], ready(story).get("message", "")) == ("True", "")


def test_the_kubelet_answers_a_gate_at_once(story: Any, c: Any) -> None:
    key = story.pod(c("a"), readinessGates=[{"conditionType": GATE}])
    story.run("5s")
    story.node.set_condition(key, GATE, "False")
    story.run("3s")
    story.node.set_condition(key, GATE, "True")
    story.run("3s")
    story.node.set_condition(key, GATE, "False", reason="Draining", message="going away")
    story.run("3s")
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running Ready=False(ReadinessGatesNotReady) ContainersReady=True
        5.000s phase=Running example.com/gate=False
        5.000s phase=Running
        8.000s phase=Running example.com/gate=True
        8.000s phase=Running Ready=True
        11.000s phase=Running example.com/gate=False(Draining)
        11.000s phase=Running Ready=False(ReadinessGatesNotReady) ContainersReady=True
        """,
    )


def test_conditions_of_others_come_first_in_the_order_of_the_api(story: Any, c: Any) -> None:
    key = story.pod(c("a"))
    story.run("5s")
    story.node.set_condition(key, "example.com/one", "True")
    story.node.set_condition(key, "example.com/two", "False", reason="Why", message="because")
    story.node.delete(key, grace_seconds=1)
    story.run("10s")
    story.check(
        "\n".join(" ".join(one) for one in conditions(story)),
        """
        example.com/two False Why
        example.com/one True
        PodReadyToStartContainers False
        Initialized True
        Ready False PodFailed
        ContainersReady False PodFailed
        PodScheduled True
        """,
    )


def test_a_disruption_target_of_somebody_else_stays(story: Any, c: Any) -> None:
    """The eviction API writes it and deletes the pod: the kubelet ends the pod as with any deletion, and keeps it."""
    key = story.pod(c("a"), terminationGracePeriodSeconds=2)
    story.run("5s")
    story.node.set_condition(
        key, "DisruptionTarget", "True", reason="EvictionByEvictionAPI", message="Eviction API: evicting"
    )
    story.node.delete(key)
    story.run("10s")
    found = next(one for one in story.status()["conditions"] if one["type"] == "DisruptionTarget")
    assert (found["status"], found["reason"], found["message"]) == (
        "True",
        "EvictionByEvictionAPI",
        "Eviction API: evicting",
    )
    assert (story.status()["phase"], story.status().get("reason", "")) == ("Failed", "")


def test_a_condition_of_the_kubelets_own_is_made_good_within_ten_seconds(story: Any, c: Any) -> None:
    """Not at once: the kubelet looks at the statuses of all pods only now and then."""
    key = story.pod(c("a"))
    story.run("12s")
    story.node.set_condition(key, "Ready", "False", reason="Mine", message="not yours")
    story.node.set_condition(key, "example.com/mine", "True")
    story.run("20s")
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running Ready=True
        12.000s phase=Running Ready=False(Mine) ContainersReady=True
        12.000s phase=Running example.com/mine=True
        19.900s phase=Running Ready=True
        """,
    )


def test_a_kubelet_that_is_not_there_makes_nothing_good(story: Any, c: Any) -> None:
    key = story.pod(c("a"))
    story.run("12s")
    story.node.set_condition(key, "Ready", "False", reason="Mine")
    story.node.restart_kubelet(down_for="15s")
    assert ready(story)["reason"] == "Mine"
    story.run("10s")
    assert ready(story)["status"] == "True"


def test_a_change_of_labels_starts_nothing_anew(story: Any, c: Any) -> None:
    """Labels are no part of the spec: no new generation, and no version but the user's own."""
    story.pod(c("a"))
    story.run("5s")
    before = story.status()
    calls = len(story.calls(methods={"CreateContainer", "StopContainer"}).splitlines())
    story.pod(c("a"), meta={"labels": {"changed": "yes"}})
    story.run("5s")
    versions = story.node.versions("default/web")
    assert versions[-1]["generation"] == 1
    assert story.status() == before
    assert len(story.calls(methods={"CreateContainer", "StopContainer"}).splitlines()) == calls
    assert story.node.pod("default/web")["metadata"]["labels"] == {"changed": "yes"}


def test_a_pod_with_sidecars_and_gates_is_ready_all_the_same(story: Any, c: Any) -> None:
    """The check that asks for a sync does not see sidecars: it asks too often, and the answer is right."""
    key = story.pod(c("a"), initContainers=[c("s", restartPolicy="Always")], readinessGates=[{"conditionType": GATE}])
    story.run("5s")
    story.node.set_condition(key, GATE, "True")
    story.run("3s")
    assert ready(story)["status"] == "True"


def test_a_gate_that_was_set_early_is_seen_with_the_readiness_of_the_container(story: Any, c: Any) -> None:
    """The worker's status, which knows the gate, takes the place of what the probe alone makes of the pod."""
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 2, "initialDelaySeconds": 6}
    story.pod(c("a", readinessProbe=probe), readinessGates=[{"conditionType": "example.com/gate"}])
    story.run("3s")
    story.node.set_condition("default/web", "example.com/gate", "True")
    story.run("7s")
    ready = [
        {one["type"]: one["status"] for one in version["status"]["conditions"]}
        for version in story.node.versions("default/web")
        if version["status"].get("conditions")
    ]
    assert {(one["ContainersReady"], one["Ready"]) for one in ready} == {("False", "False"), ("True", "True")}
