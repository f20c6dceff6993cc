"""The action RestartAllContainers: one exit, and the whole pod starts anew in its sandbox."""

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.errors import InputError

ALL_42 = {
    "restartPolicy": "Never",
    "restartPolicyRules": [
        {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}},
    ],
}
SIDECAR = {"restartPolicy": "Always"}
ONCE = {"restartPolicy": "Never"}
POLITE = ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")
STUBBORN = ("sh", "-c", "trap '' TERM; while true; do sleep 1; done")
CHANGES = {"CreateContainer", "StopContainer", "RemoveContainer", "RunPodSandbox", "StopPodSandbox"}


def test_the_whole_story(story: Any, c: Any) -> None:
    """Running, Pending while the init container runs anew, Running; the exit code is lost, all show 137."""
    story.pod(c("main", **ALL_42), c("other", *POLITE), initContainers=[c("init", "sleep", "1")], **ONCE)
    story.exit(42, "main")
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending init: waiting PodInitializing main: waiting PodInitializing other: waiting
            PodInitializing
        0.231s phase=Pending init: running main: waiting PodInitializing other: waiting PodInitializing
        1.900s phase=Pending init: terminated Completed(0) ready main: waiting PodInitializing other: waiting
            PodInitializing
        2.015s phase=Running init: terminated Completed(0) ready main: running ready other: running ready
        3.900s phase=Running init: terminated Completed(0) ready main: terminated Error(42) other: running ready
        4.048s phase=Running init: waiting RestartingAllContainers ready last terminated RestartingAllContainers(137)
            restarts=1 main: waiting RestartingAllContainers last terminated RestartingAllContainers(137) restarts=1
            other: waiting RestartingAllContainers last terminated RestartingAllContainers(137) restarts=1
        4.106s phase=Pending init: running last terminated RestartingAllContainers(137) restarts=1 main: waiting
            PodInitializing last terminated RestartingAllContainers(137) restarts=1 other: waiting PodInitializing
            last terminated RestartingAllContainers(137) restarts=1
        5.900s phase=Running init: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 main: waiting PodInitializing last terminated RestartingAllContainers(137) restarts=1 other:
            waiting PodInitializing last terminated RestartingAllContainers(137) restarts=1
        6.015s phase=Running init: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 main: running ready last terminated RestartingAllContainers(137) restarts=1 other: running
            ready last terminated RestartingAllContainers(137) restarts=1
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=False(ContainersNotInitialized)
            Ready=False(ContainersNotReady) AllContainersRestarting=False
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Pending
        1.900s phase=Pending Initialized=True
        2.015s phase=Running Ready=True
        3.900s phase=Running Ready=False(ContainersNotReady) AllContainersRestarting=True(RestartAllContainersStarted)
        4.048s phase=Running AllContainersRestarting=False
        4.106s phase=Pending
        5.900s phase=Running
        6.015s phase=Running Ready=True
        """,
    )


def test_what_the_runtime_is_asked_for_and_what_the_events_tell(story: Any, c: Any) -> None:
    story.pod(c("main", **ALL_42), c("other", *POLITE), initContainers=[c("init", "sleep", "1")], **ONCE)
    story.exit(42, "main")
    story.run("10s")
    story.check(
        story.calls(methods=CHANGES),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer init/0
        1.900s CreateContainer main/0
        1.957s CreateContainer other/0
        3.900s StopContainer other/0 timeout=2
        4.039s RemoveContainer other/0
        4.042s RemoveContainer init/0
        4.044s RemoveContainer main/0
        4.048s CreateContainer init/1
        5.900s CreateContainer main/1
        5.957s CreateContainer other/1
        """,
    )
    story.check(
        story.events(),
        """
        Normal Pulling init: Pulling image "IMAGE"
        Normal Pulled init: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created init (x2): Container created
        Normal Started init (x2): Container started
        Normal Pulled main (x2): Container image "IMAGE" already present on machine and can be accessed by the pod
        Normal Created main (x2): Container created
        Normal Started main (x2): Container started
        Normal Pulled other (x2): Container image "IMAGE" already present on machine and can be accessed by the pod
        Normal Created other (x2): Container created
        Normal Started other (x2): Container started
        Normal Killing other: killing
        Normal Pulled init: Container image "IMAGE" already present on machine and can be accessed by the pod
        """,
    )


def test_containers_go_in_the_order_of_the_spec_the_one_that_asked_last(story: Any, c: Any) -> None:
    """Regular containers before init containers, one after the other, with two seconds each and no preStop hook."""
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "60"]}}}}
    story.pod(
        c("a", *STUBBORN, **hook),
        c("main", **ALL_42),
        c("b", *POLITE),
        initContainers=[c("s", *POLITE, **SIDECAR), c("i", "true"), c("t", *STUBBORN, **SIDECAR)],
        terminationGracePeriodSeconds=30,
        **ONCE,
    )
    story.exit(42, "main")
    since = story.node.now_ns
    story.run("15s")
    story.check(
        story.calls(methods=CHANGES, since_ns=since),
        """
        2.900s StopContainer a/0 timeout=2
        4.935s RemoveContainer a/0
        4.938s StopContainer b/0 timeout=2
        5.154s RemoveContainer b/0
        5.157s StopContainer s/0 timeout=2
        5.255s RemoveContainer s/0
        5.258s RemoveContainer i/0
        5.260s StopContainer t/0 timeout=2
        7.295s RemoveContainer t/0
        7.298s RemoveContainer main/0
        7.301s CreateContainer s/1
        7.360s CreateContainer i/1
        7.900s CreateContainer t/1
        7.958s CreateContainer a/1
        8.015s CreateContainer main/1
        8.072s CreateContainer b/1
        """,
    )


def test_it_goes_on_until_the_rule_no_longer_fits(story: Any, c: Any) -> None:
    """There is no back-off: nothing of the earlier containers is left in the runtime. The counts go on."""
    story.pod(c("main", **ALL_42), **ONCE)
    for _ in range(3):
        story.exit(42, "main")
        story.run("3s")
    story.exit(0, "main")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending main: waiting ContainerCreating
        0.231s phase=Running main: running ready
        1.900s phase=Running main: terminated Error(42)
        1.904s phase=Running main: waiting RestartingAllContainers last terminated RestartingAllContainers(137)
            restarts=1
        1.962s phase=Running main: running ready last terminated RestartingAllContainers(137) restarts=1
        5.900s phase=Running main: terminated Error(42) last terminated RestartingAllContainers(137) restarts=1
        5.904s phase=Running main: waiting RestartingAllContainers last terminated RestartingAllContainers(137)
            restarts=2
        5.962s phase=Running main: running ready last terminated RestartingAllContainers(137) restarts=2
        9.900s phase=Running main: terminated Error(42) last terminated RestartingAllContainers(137) restarts=2
        9.904s phase=Running main: waiting RestartingAllContainers last terminated RestartingAllContainers(137)
            restarts=3
        9.962s phase=Running main: running ready last terminated RestartingAllContainers(137) restarts=3
        13.900s phase=Running main: terminated Completed(0) last terminated RestartingAllContainers(137) restarts=3
        15.035s phase=Succeeded main: terminated Completed(0) last terminated RestartingAllContainers(137) restarts=3
        """,
    )
    assert "BackOff" not in story.events()


def test_logs_outlive_the_removal(story: Any, c: Any) -> None:
    """A container's number goes on from them: without a container in the runtime nothing else tells it."""
    story.pod(c("main", "sh", "-c", "echo I ran; sleep 1h", **ALL_42), **ONCE)
    for _ in range(2):
        story.exit(42, "main")
        story.run("3s")
    uid = story.node.pod("default/web")["metadata"]["uid"]
    logs = f"/var/log/pods/default_web_{uid}/main"
    assert sorted(story.node._world._host_files.list_dir(logs)) == ["0.log", "1.log", "2.log"]
    assert list(story.names().values()) == ["main/0", "main/1", "main/2"]


def test_an_init_container_may_ask_for_it(story: Any, c: Any) -> None:
    """The pod has not been initialised yet, and is not: its phase stays Pending."""
    story.pod(c("main"), initContainers=[c("one", "sleep", "1"), c("two", **ALL_42)], **ONCE)
    story.exit(42, "two")
    story.run("5s")
    story.exit(0, "two")
    story.run("3s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending one: waiting PodInitializing two: waiting PodInitializing main: waiting PodInitializing
        0.231s phase=Pending one: running two: waiting PodInitializing main: waiting PodInitializing
        1.900s phase=Pending one: terminated Completed(0) ready two: waiting PodInitializing main: waiting
            PodInitializing
        1.958s phase=Pending one: terminated Completed(0) ready two: running main: waiting PodInitializing
        3.900s phase=Pending one: terminated Completed(0) ready two: terminated Error(42) main: waiting
            PodInitializing
        3.906s phase=Pending one: waiting RestartingAllContainers ready last terminated RestartingAllContainers(137)
            restarts=1 two: waiting RestartingAllContainers last terminated RestartingAllContainers(137) restarts=1
            main: waiting PodInitializing
        3.964s phase=Pending one: running last terminated RestartingAllContainers(137) restarts=1 two: waiting
            PodInitializing last terminated RestartingAllContainers(137) restarts=1 main: waiting PodInitializing
        5.900s phase=Pending one: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 two: waiting PodInitializing last terminated RestartingAllContainers(137) restarts=1 main:
            waiting PodInitializing
        5.958s phase=Pending one: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 two: running last terminated RestartingAllContainers(137) restarts=1 main: waiting
            PodInitializing
        9.900s phase=Pending one: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 two: terminated Completed(0) ready last terminated RestartingAllContainers(137) restarts=1
            main: waiting PodInitializing
        9.958s phase=Running one: terminated Completed(0) ready last terminated RestartingAllContainers(137)
            restarts=1 two: terminated Completed(0) ready last terminated RestartingAllContainers(137) restarts=1
            main: running ready
        """,
    )


def test_a_sidecar_may_ask_for_it(story: Any, c: Any) -> None:
    asks = {**SIDECAR, "restartPolicyRules": ALL_42["restartPolicyRules"]}
    story.pod(c("main", *POLITE), initContainers=[c("s", **asks)], **ONCE)
    story.exit(7, "s")
    story.run("3s")
    assert (story.of("s")["restartCount"], story.of("main")["restartCount"]) == (1, 0)
    story.exit(42, "s")
    story.run("5s")
    assert (story.of("s")["restartCount"], story.of("main")["restartCount"]) == (2, 1)


def test_readiness_and_probes_begin_anew(story: Any, c: Any) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 2}
    story.pod(c("main", readinessProbe=probe, startupProbe=probe, livenessProbe=probe, **ALL_42), **ONCE)
    story.run("10s")
    story.exit(42, "main")
    story.run("6s")
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
            AllContainersRestarting=False
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running
        0.930s phase=Running Ready=True
        11.900s phase=Running Ready=False(ContainersNotReady)
            AllContainersRestarting=True(RestartAllContainersStarted)
        11.904s phase=Running AllContainersRestarting=False
        11.962s phase=Running
        12.930s phase=Running Ready=True
        """,
    )


def test_a_sandbox_that_dies_in_between_is_made_first(story: Any, c: Any) -> None:
    """What is left of the containers is removed by the sync after that, and only then all start."""
    story.pod(c("main", **ALL_42), c("other", *STUBBORN), **ONCE)
    story.exit(42, "main")
    story.run("100ms")
    sandbox = next(entry.response.pod_sandbox_id for entry in story.node.journal if entry.method == "RunPodSandbox")
    story.stop_sandbox(sandbox)
    story.run("20s")
    story.check(
        story.calls(methods=CHANGES),
        """
        0.000s RunPodSandbox
        0.173s CreateContainer main/0
        0.230s CreateContainer other/0
        1.900s StopPodSandbox
        1.900s RunPodSandbox
        2.012s RemoveContainer other/0
        2.015s RemoveContainer main/0
        2.018s CreateContainer main/1
        2.075s CreateContainer other/1
        """,
    )
    assert story.status()["phase"] == "Running"


def test_a_deletion_ends_it(story: Any, c: Any) -> None:
    story.pod(c("main", **ALL_42), c("other", *STUBBORN), terminationGracePeriodSeconds=2, **ONCE)
    story.exit(42, "main")
    story.run("1s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending main: waiting ContainerCreating other: waiting ContainerCreating
        0.288s phase=Running main: running ready other: running ready
        1.900s phase=Running main: terminated Error(42) other: running ready
        2.288s phase=Running deleting main: terminated Error(42) other: running ready
        3.941s phase=Running deleting main: waiting RestartingAllContainers last terminated
            RestartingAllContainers(137) restarts=1 other: waiting RestartingAllContainers last terminated
            RestartingAllContainers(137) restarts=1
        4.076s phase=Failed deleting main: waiting ContainerCreating last terminated RestartingAllContainers(137)
            restarts=1 other: waiting ContainerCreating last terminated RestartingAllContainers(137) restarts=1
        4.900s phase=Failed deleting main: terminated ContainerStatusUnknown(137) last terminated
            RestartingAllContainers(137) restarts=1 other: terminated ContainerStatusUnknown(137) last terminated
            RestartingAllContainers(137) restarts=1
        4.900s deleted phase=Failed deleting main: terminated ContainerStatusUnknown(137) last terminated
            RestartingAllContainers(137) restarts=1 other: terminated ContainerStatusUnknown(137) last terminated
            RestartingAllContainers(137) restarts=1
        """,
    )
    assert story.node.runtime.statistics().containers == 0


def test_the_sync_after_the_removals_is_of_the_pod_as_it_was(story: Any, c: Any) -> None:
    """A deletion that came meanwhile ends the pod all the same; its new generation is seen one step later."""
    story.pod(c("main", **ALL_42), c("other", *STUBBORN), terminationGracePeriodSeconds=2, **ONCE)
    story.exit(42, "main")
    story.run("1s")
    story.node.delete("default/web")
    story.run("20s")
    seen = [
        (version["status"]["phase"], {one.get("observedGeneration", 0) for one in version["status"]["conditions"]})
        for version in story.node.versions("default/web")
        if "deletionTimestamp" in version
    ]
    assert seen == [("Running", {0, 1})] * 2 + [("Failed", {0, 1})] + [("Failed", {0, 2})] * 3


def test_what_had_ended_shows_its_resources_while_all_restart(story: Any, c: Any) -> None:
    """The status of a container that was terminated is kept as it was; one that ran begins anew, and has none."""
    asked = {"resources": {"requests": {"cpu": "50m"}}}
    story.pod(c("main", **ALL_42, **asked), c("other", *POLITE, **asked), **ONCE)
    story.exit(42, "main")
    story.run("10s")
    (shown,) = (
        {one["name"]: (one.get("resources"), one.get("allocatedResources")) for one in statuses}
        for statuses in (
            version["status"].get("containerStatuses", ()) for version in story.node.versions("default/web")
        )
        if any(one["state"].get("waiting", {}).get("reason") == "RestartingAllContainers" for one in statuses)
    )
    assert shown == {"main": ({"requests": {"cpu": "50m"}}, {"cpu": "50m"}), "other": (None, None)}


def test_it_goes_on_after_a_kubelet_restart(story: Any, c: Any) -> None:
    """The API's condition says that it has begun."""
    story.pod(c("main", **ALL_42), c("other", *STUBBORN), **ONCE)
    story.exit(42, "main")
    story.run("1s")
    story.node.restart_kubelet(down_for="5s")
    story.run("10s")
    assert [story.of(name)["restartCount"] for name in ("main", "other")] == [1, 1]
    assert story.status()["phase"] == "Running"


@pytest.mark.parametrize("version", ["1.35", "1.36"])
@pytest.mark.parametrize("is_on", [False, True])
def test_its_gate(new_story: Callable[..., Any], c: Any, version: str, is_on: bool) -> None:
    """Off by default in 1.35, on in 1.36. Without it the API server refuses such a rule."""
    gates = {"RestartAllContainersOnContainerExits": is_on, "NodeDeclaredFeatures": True}
    story = new_story(kubelet_version=version, config={"featureGates": gates})
    if not is_on:
        with pytest.raises(InputError, match='action: Unsupported value: "RestartAllContainers"'):
            story.pod(c("main", **ALL_42), c("other"), **ONCE)
        return
    story.pod(c("main", **ALL_42), c("other", *POLITE), **ONCE)
    story.exit(42, "main")
    story.run("5s")
    assert [story.of(name)["restartCount"] for name in ("main", "other")] == [1, 1]


def test_a_pod_without_such_a_rule_has_no_such_condition(story: Any, c: Any) -> None:
    story.pod(c("main"), **ONCE)
    story.run("3s")
    assert "AllContainersRestarting" not in [one["type"] for one in story.status()["conditions"]]
