"""Restart policies and rules of single containers: the first rule that names the exit code decides, then the policy."""

from collections.abc import Callable
from typing import Any

import pytest

FOREVER = {"restartPolicy": "Always"}
ONCE = {"restartPolicy": "Never"}


def rule(operator: str, *codes: int, action: str = "Restart") -> dict[str, Any]:
    return {"action": action, "exitCodes": {"operator": operator, "values": list(codes)}}


def own(policy: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"restartPolicy": policy, "restartPolicyRules": list(rules)}


def test_a_rule_restarts_what_its_policy_would_not(story: Any, c: Any) -> None:
    """An exit by a rule has the back-off of any other; the exit that no rule names is the last."""
    story.pod(c("a", **own("Never", rule("In", 42))), **ONCE)
    story.exit(42)
    story.run("5s")
    story.exit(42)
    story.run("20s")
    story.exit(1)
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        1.900s phase=Running a: terminated Error(42)
        1.958s phase=Running a: running ready last terminated Error(42) restarts=1
        7.900s phase=Running a: terminated Error(42) last terminated Error(42) restarts=1
        19.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(42) restarts=1
        19.958s phase=Running a: running ready last terminated Error(42) restarts=2
        28.900s phase=Running a: terminated Error(1) last terminated Error(42) restarts=2
        30.035s phase=Failed a: terminated Error(1) last terminated Error(42) restarts=2
        """,
    )


def test_a_rule_by_codes_that_are_not_listed(story: Any, c: Any) -> None:
    story.pod(c("a", **own("Never", rule("NotIn", 0, 9))), **ONCE)
    story.exit(5)
    story.run("3s")
    story.exit(9)
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        1.900s phase=Running a: terminated Error(5)
        1.958s phase=Running a: running ready last terminated Error(5) restarts=1
        5.900s phase=Running a: terminated Error(9) last terminated Error(5) restarts=1
        7.035s phase=Failed a: terminated Error(9) last terminated Error(5) restarts=1
        """,
    )


@pytest.mark.parametrize(
    ("policy", "rules", "code", "restarts"),
    [
        ("Never", [rule("In", 1), rule("NotIn", 1)], 1, True),
        ("Never", [rule("In", 1), rule("NotIn", 1, 2)], 2, False),
        ("Never", [rule("In", 0)], 0, True),
        ("OnFailure", [rule("In", 0)], 0, True),
        ("OnFailure", [rule("NotIn", 1)], 1, True),  # no rule: the policy
        ("OnFailure", [rule("NotIn", 0)], 0, False),
        ("Always", [rule("In", 7)], 0, True),
    ],
)
def test_rules_come_before_the_policy(
    story: Any, c: Any, policy: str, rules: list[dict[str, Any]], code: int, restarts: bool
) -> None:
    story.pod(c("a", **own(policy, *rules)), **ONCE)
    story.exit(code)
    story.run("5s")
    assert story.of("a")["restartCount"] == int(restarts)
    assert story.status()["phase"] == ("Running" if restarts else "Failed" if code else "Succeeded")


def test_one_container_that_restarts_keeps_a_pod_of_finished_ones_running(story: Any, c: Any) -> None:
    """Also while it waits for its back-off, and though the pod's own policy is Never."""
    story.pod(c("a", "sh", "-c", "sleep 2; exit 3", **FOREVER), c("b", "sleep", "5"), **ONCE)
    story.run("25s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        2.900s phase=Running a: terminated Error(3) b: running ready
        2.958s phase=Running a: running ready last terminated Error(3) restarts=1 b: running ready
        5.900s phase=Running a: terminated Error(3) last terminated Error(3) restarts=1 b: terminated Completed(0)
        17.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(3) restarts=1 b: terminated
            Completed(0)
        17.958s phase=Running a: running ready last terminated Error(3) restarts=2 b: terminated Completed(0)
        20.900s phase=Running a: terminated Error(3) last terminated Error(3) restarts=2 b: terminated Completed(0)
        """,
    )


def test_one_that_is_over_does_not_end_a_pod_that_goes_on(story: Any, c: Any) -> None:
    story.pod(c("a", "sh", "-c", "sleep 1; exit 3", **ONCE), c("b"), **FOREVER)
    story.run("5s")
    story.exit(0, "b")
    story.run("3s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        1.900s phase=Running a: terminated Error(3) b: running ready
        6.900s phase=Running a: terminated Error(3) b: terminated Completed(0)
        6.958s phase=Running a: terminated Error(3) b: running ready last terminated Completed(0) restarts=1
        """,
    )


def test_an_init_container_that_a_rule_starts_again(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", **own("Never", rule("In", 7)))], **ONCE)
    story.exit(7, "i")
    story.run("3s")
    story.exit(0, "i")
    story.run("3s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending i: running a: waiting PodInitializing
        1.900s phase=Pending i: terminated Error(7) a: waiting PodInitializing
        1.958s phase=Pending i: running last terminated Error(7) restarts=1 a: waiting PodInitializing
        5.900s phase=Pending i: terminated Completed(0) ready last terminated Error(7) restarts=1 a: waiting
            PodInitializing
        5.961s phase=Running i: terminated Completed(0) ready last terminated Error(7) restarts=1 a: running ready
        """,
    )


@pytest.mark.parametrize(
    ("pod_policy", "rules", "code", "phase"),
    [
        ("Always", own("Never"), 8, "Failed"),
        ("Always", own("Never", rule("In", 7)), 8, "Failed"),
        ("Never", own("OnFailure"), 8, "Pending"),
        ("Never", own("Never", rule("NotIn", 7)), 8, "Pending"),
        ("OnFailure", own("Never", rule("In", 7)), 7, "Pending"),
    ],
)
def test_an_init_container_that_fails(
    story: Any, c: Any, pod_policy: str, rules: dict[str, Any], code: int, phase: str
) -> None:
    """Its own policy and rules alone decide whether the pod has failed; the main container never starts."""
    story.pod(c("a"), initContainers=[c("i", **rules)], restartPolicy=pod_policy)
    story.exit(code, "i")
    story.run("4s")
    assert story.status()["phase"] == phase
    assert story.of("i")["restartCount"] == int(phase == "Pending")
    assert "a/0" not in story.names().values()


def test_a_probe_kill_asks_the_policy_and_not_the_rules(story: Any, c: Any) -> None:
    """There is no exit code yet when the kubelet says whether it `will be restarted`; the exit then has its rule."""
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 2, "failureThreshold": 1}
    story.pod(
        c("a", livenessProbe=probe, **own("Never", rule("In", 137))),
        c("b"),
        terminationGracePeriodSeconds=1,
        **ONCE,
    )
    story.run("4s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        2.936s phase=Running a: terminated Error(137) b: running ready
        2.994s phase=Running a: running ready last terminated Error(137) restarts=1 b: running ready
        """,
    )
    assert "Normal Killing a: Container a failed liveness probe" in story.events().splitlines()


@pytest.mark.parametrize(("version", "restarts"), [("1.33", 0), ("1.34", 0), ("1.35", 1), ("1.36", 1)])
def test_before_1_35_a_container_has_no_policy_of_its_own(
    new_story: Callable[..., Any], c: Any, version: str, restarts: int
) -> None:
    """The API server of 1.34 knows the fields and drops them while their gate is off; that of 1.33 has none."""
    story = new_story(kubelet_version=version)
    rules = own("Never", rule("In", 42)) if version != "1.33" else {}
    story.pod(c("a", **rules), **ONCE)
    story.exit(42)
    story.run("5s")
    assert story.of("a")["restartCount"] == restarts
    spec = story.node.pod("default/web")["spec"]["containers"][0]
    assert ("restartPolicyRules" in spec) is bool(restarts)


def test_in_1_34_with_its_gate(new_story: Callable[..., Any], c: Any) -> None:
    story = new_story(kubelet_version="1.34", config={"featureGates": {"ContainerRestartRules": True}})
    story.pod(c("a", **own("Never", rule("In", 42))), **ONCE)
    story.exit(42)
    story.run("5s")
    assert story.of("a")["restartCount"] == 1
