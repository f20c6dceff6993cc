"""Ephemeral containers: started once, before everything else of the sync, and never again."""

from typing import Any

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
ABSENT = "registry.k8s.io/e2e-test-images/busybox:nope"


def debugger(name: str = "dbg", *command: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": BUSYBOX, "command": list(command or ("sleep", "1h")), **more}


def test_an_ephemeral_container_runs_once(story: Any, c: Any) -> None:
    """Neither restartPolicy Always nor its failure starts it again; phase and readiness do not look at it."""
    key = story.pod(c("main"), restartPolicy="Always")
    story.run("5s")
    story.node.add_ephemeral_container(key, debugger("dbg1", "sh", "-c", "sleep 4; exit 5", targetContainerName="main"))
    story.run("3m")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending main: waiting ContainerCreating
        0.231s phase=Running main: running ready
        5.000s phase=Running main: running ready dbg1: waiting ContainerCreating
        5.058s phase=Running main: running ready dbg1: running
        9.900s phase=Running main: running ready dbg1: terminated Error(5)
        """,
    )


def test_it_is_in_the_pods_events_by_its_own_field(story: Any, c: Any) -> None:
    key = story.pod(c("main"))
    story.run("5s")
    story.node.add_ephemeral_container(key, debugger("dbg", "true"))
    story.run("5s")
    paths = [
        (one["reason"], one["involvedObject"]["fieldPath"])
        for one in story.node.events
        if "{dbg}" in one["involvedObject"].get("fieldPath", "")
    ]
    where = "spec.ephemeralContainers{dbg}"
    assert paths == [("Pulled", where), ("Created", where), ("Started", where)]


def test_the_runtime_is_told_whose_processes_it_sees(story: Any, c: Any) -> None:
    """With a target the namespace of that container's newest id; without one, what the pod has."""
    key = story.pod(c("main"))
    story.run("5s")
    story.node.add_ephemeral_container(key, debugger("with", targetContainerName="main"))
    story.node.add_ephemeral_container(key, debugger("without"))
    story.run("5s")
    options = {
        entry.request.config.metadata.name: (
            entry.request.config.metadata.attempt,
            entry.request.config.log_path,
            entry.as_dict()["request"]["config"]["linux"]["security_context"]["namespace_options"],
        )
        for entry in story.node.journal
        if entry.method == "CreateContainer"
    }
    main_id = next(one for one, name in story.names().items() if name == "main/0")
    users = {"userns_options": {"mode": "NODE"}}
    assert options["with"] == (0, "with/0.log", {"pid": "TARGET", "target_id": main_id, **users})
    assert options["without"] == (0, "without/0.log", {"pid": "CONTAINER", **users})
    listed = story.node.exec(key, ["ps"], container="with").stdout
    assert listed.count(b"sleep 1h") == 2


def test_it_starts_while_init_containers_still_run(story: Any, c: Any) -> None:
    key = story.pod(c("main"), initContainers=[c("init", "sleep", "20")])
    story.run("3s")
    story.node.add_ephemeral_container(key, debugger("dbg1", "sleep", "4"))
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending init: waiting PodInitializing main: waiting PodInitializing
        0.231s phase=Pending init: running main: waiting PodInitializing
        3.000s phase=Pending init: running main: waiting PodInitializing dbg1: waiting PodInitializing
        3.058s phase=Pending init: running main: waiting PodInitializing dbg1: running
        7.900s phase=Pending init: running main: waiting PodInitializing dbg1: terminated Completed(0)
        20.900s phase=Pending init: terminated Completed(0) ready main: waiting PodInitializing dbg1: terminated
            Completed(0)
        20.958s phase=Running init: terminated Completed(0) ready main: running ready dbg1: terminated Completed(0)
        """,
    )


def test_a_creation_that_failed_is_tried_again_with_the_back_off_of_images(story: Any, c: Any) -> None:
    key = story.pod(c("main"))
    story.run("18s")
    story.node.add_ephemeral_container(key, debugger("dbg2", image=ABSENT))
    story.run("60s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending main: waiting ContainerCreating
        0.231s phase=Running main: running ready
        18.000s phase=Running main: running ready dbg2: waiting ContainerCreating
        32.900s phase=Running main: running ready dbg2: waiting ErrImagePull
        58.900s phase=Running main: running ready dbg2: waiting ImagePullBackOff
        70.900s phase=Running main: running ready dbg2: waiting ErrImagePull
        """,
    )
    story.check(
        "\n".join(line for line in story.events().splitlines() if "dbg2" in line),
        """
        Normal Pulling dbg2 (x3): Pulling image "registry.k8s.io/e2e-test-images/busybox:nope"
        Warning Failed dbg2 (x3): Failed to pull image "registry.k8s.io/e2e-test-images/busybox:nope": rpc error: code
            = NotFound desc = failed to pull and unpack image "registry.k8s.io/e2e-test-images/busybox:nope": failed
            to resolve image: registry.k8s.io/e2e-test-images/busybox:nope: not found
        Warning Failed dbg2 (x3): Error: ErrImagePull
        Normal BackOff dbg2 (x2): Back-off pulling image "registry.k8s.io/e2e-test-images/busybox:nope"
        Warning Failed dbg2 (x2): Error: ImagePullBackOff
        """,
    )


def test_a_target_that_is_not_there_is_waited_for(story: Any, c: Any) -> None:
    key = story.pod(c("main", image=ABSENT))
    story.run("4s")
    story.node.add_ephemeral_container(key, debugger(targetContainerName="main"))
    story.run("40s")
    assert story.waiting("dbg") == "CreateContainerConfigError: unable to find target container main"
    story.check(
        "\n".join(line for line in story.events().splitlines() if " dbg" in line),
        """
        Normal Pulling dbg: Pulling image "IMAGE"
        Normal Pulled dbg: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Warning Failed dbg (x3): Error: unable to find target container main
        Normal Pulled dbg (x2): Container image "IMAGE" already present on machine and can be accessed by the pod
        """,
    )


def test_a_target_that_has_ended_is_for_the_runtime_to_refuse(story: Any, c: Any) -> None:
    key = story.pod(c("main", "true"), c("other"), restartPolicy="Never")
    story.run("5s")
    story.node.add_ephemeral_container(key, debugger(targetContainerName="main"))
    story.run("20s")
    story.check(
        story.waiting("dbg"),
        """
        CreateContainerError: failed to generate container
            "4441348aab9e589b3bc7d5b2c4bcf81d6f31b4add848021dc36719237b89919a" spec: failed to generate spec opts:
            invalid target container: container "a4d5d093cca1a0d2c02b05bfb5d3cd477382a7ef0653a0926502057ad4050d61" is
            not running - in state CONTAINER_EXITED
        """,
    )


def test_it_ends_with_its_pod_beside_the_other_containers(story: Any, c: Any) -> None:
    """No order, no part in the phase: main ends with 0, so the pod has succeeded."""
    key = story.pod(c("main", "sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done"))
    story.run("4s")
    story.node.add_ephemeral_container(key, debugger())
    story.run("2s")
    story.node.delete(key, grace_seconds=5)
    story.run("20s")
    story.check(
        story.calls(methods={"StopContainer", "StopPodSandbox"}),
        """
        6.000s StopContainer main/0 timeout=5
        6.000s StopContainer dbg/0 timeout=5
        11.035s StopPodSandbox
        11.905s StopPodSandbox
        """,
    )
    story.check(
        story.versions().splitlines()[-2],
        """
        11.170s phase=Succeeded deleting main: terminated Completed(0) dbg: terminated Error(137)
        """,
    )


def test_a_job_ends_though_somebody_still_looks_at_it(story: Any, c: Any) -> None:
    key = story.pod(c("main", "sleep", "8"), restartPolicy="Never", terminationGracePeriodSeconds=2)
    story.run("4s")
    story.node.add_ephemeral_container(key, debugger())
    story.run("20s")
    assert story.status(key)["phase"] == "Succeeded"
    assert story.of("dbg")["state"]["terminated"]["exitCode"] == 137


def test_a_new_sandbox_does_not_start_it_again(story: Any, c: Any) -> None:
    key = story.pod(c("main"))
    story.run("4s")
    story.node.add_ephemeral_container(key, debugger())
    story.run("4s")
    sandbox = next(entry.response.pod_sandbox_id for entry in story.node.journal if entry.method == "RunPodSandbox")
    story.stop_sandbox(sandbox)
    story.run("20s")
    assert story.of("main")["restartCount"] == 1
    assert story.of("dbg")["state"]["terminated"]["exitCode"] == 137
    assert [name for name in story.names().values() if name.startswith("dbg")] == ["dbg/0"]


def test_a_pod_that_runs_on_after_a_kubelet_restart_keeps_it(story: Any, c: Any) -> None:
    key = story.pod(c("main"))
    story.run("4s")
    story.node.add_ephemeral_container(key, debugger())
    story.run("4s")
    before = story.of("dbg")
    story.node.restart_kubelet()
    story.run("10s")
    assert story.of("dbg") == before
