"""Probes of sidecars: a startup probe holds the rest of the pod up, and failing probes restart the sidecar alone."""

from typing import Any

SIDECAR = {"restartPolicy": "Always"}
ONCE = {"restartPolicy": "Never"}


def probe(*command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"command": list(command)}, "periodSeconds": 2, **more}


def test_what_follows_waits_until_the_startup_probe_has_passed(story: Any, c: Any) -> None:
    """Not for readiness: the sidecar is not ready yet when the main container starts."""
    side = c(
        "s",
        "sh",
        "-c",
        "sleep 3; touch /started; sleep 4; touch /ready; sleep 1h",
        startupProbe=probe("cat", "/started", failureThreshold=5),
        readinessProbe=probe("cat", "/ready"),
        **SIDECAR,
    )
    story.pod(c("a"), initContainers=[side, c("i", "true")])
    story.run("15s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running i: waiting PodInitializing a: waiting PodInitializing
        4.389s phase=Pending s: running i: running a: waiting PodInitializing
        4.900s phase=Pending s: running i: terminated Completed(0) ready a: waiting PodInitializing
        4.958s phase=Running s: running i: terminated Completed(0) ready a: running ready
        8.988s phase=Running s: running ready i: terminated Completed(0) ready a: running ready
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=False(ContainersNotInitialized)
            Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Pending
        4.900s phase=Pending Initialized=True
        4.958s phase=Running
        8.988s phase=Running Ready=True
        """,
    )


def test_a_startup_probe_that_fails_restarts_the_sidecar_and_nothing_follows(story: Any, c: Any) -> None:
    side = c("s", startupProbe=probe("false", failureThreshold=1), terminationMessagePath="/t", **SIDECAR)
    story.pod(c("a"), initContainers=[side], terminationGracePeriodSeconds=1)
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running a: waiting PodInitializing
        2.993s phase=Pending s: running last terminated Error(137) restarts=1 a: waiting PodInitializing
        6.993s phase=Pending s: running last terminated Error(137) restarts=2 a: waiting PodInitializing
        11.900s phase=Pending s: waiting CrashLoopBackOff last terminated Error(137) restarts=2 a: waiting
            PodInitializing
        """,
    )
    assert "Normal Killing s (x3): Init container s failed startup probe" in story.events()


def test_a_liveness_probe_restarts_the_sidecar_beside_the_main_container(story: Any, c: Any) -> None:
    """Also in a pod that restarts nothing. It is killed and started in one sync: nobody sees it ended."""
    side = c("s", livenessProbe=probe("cat", "/alive", failureThreshold=1, initialDelaySeconds=3), **SIDECAR)
    story.pod(c("a"), initContainers=[side], terminationGracePeriodSeconds=1, **ONCE)
    story.run("8s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running ready a: waiting PodInitializing
        0.289s phase=Running s: running ready a: running ready
        6.424s phase=Running s: running ready last terminated Error(137) restarts=1 a: running ready
        """,
    )
    assert "Normal Killing s: Init container s failed liveness probe" in story.events()


def test_an_unready_sidecar_makes_the_pod_unready(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("s", readinessProbe=probe("false"), **SIDECAR)])
    story.run("6s")
    ready = next(one for one in story.status()["conditions"] if one["type"] == "Ready")
    assert (story.status()["phase"], ready["message"]) == ("Running", "containers with unready status: [s]")


def test_one_without_a_readiness_probe_is_told_to_be_started_and_ready_at_once(story: Any, c: Any) -> None:
    """The pod's worker mostly has the whole status before the status manager looks at what the probe said."""
    side = c("s", "sh", "-c", "sleep 3; touch /started; sleep 1h", startupProbe=probe("cat", "/started"), **SIDECAR)
    story.pod(c("a"), initContainers=[side])
    story.run("10s")
    shown = [
        (one["started"], one["ready"])
        for version in story.node.versions("default/web")
        for one in version["status"].get("initContainerStatuses", ())
    ]
    assert set(shown) == {(False, False), (True, True)}
