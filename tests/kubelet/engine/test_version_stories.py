"""One pod over the versions of the kubelet: a line for each version, with what it publishes. Golden tables."""

from collections.abc import Callable
from typing import Any

from kubesim.errors import InputError
from kubesim.policy.feature_gates_data import VERSIONS

from .conftest import IMAGE, table

Make = Callable[..., Any]


def test_fields_of_a_running_container(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        limits = {"limits": {"cpu": "100m", "memory": "64Mi"}}
        mounts = [{"name": "d", "mountPath": "/data"}]
        story.pod(c("a", resources=limits, volumeMounts=mounts), volumes=[{"name": "d", "emptyDir": {}}])
        story.run("5s")
        return " ".join(sorted(story.of("a").keys() - {"name", "state", "lastState", "ready", "restartCount", "image"}))

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.30: containerID imageID started
        1.31 to 1.32: containerID imageID started volumeMounts
        1.33 to 1.36: allocatedResources containerID imageID resources started user volumeMounts
        """,
    )


def test_fields_of_the_status(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a", resources={"requests": {"cpu": "100m"}}))
        story.run("5s")
        status = story.status()
        types = [one["type"] for one in status["conditions"]]
        fields = status.keys() - {"phase", "hostIP", "podIP", "podIPs", "startTime", "qosClass", "containerStatuses"}
        return f"{' '.join(sorted(fields - {'conditions'}))}; {' '.join(types)}"

    story.check(
        table(VERSIONS, told),
        """
        1.28: ; Initialized Ready ContainersReady PodScheduled
        1.29 to 1.33: hostIPs; PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled
        1.34 to 1.35: hostIPs observedGeneration; PodReadyToStartContainers Initialized Ready ContainersReady
            PodScheduled
        1.36: allocatedResources hostIPs observedGeneration resources; PodReadyToStartContainers Initialized Ready
            ContainersReady PodScheduled
        """,
    )


def test_a_sidecar(new_story: Make, c: Make, story: Any) -> None:
    """Before 1.29 the API server drops the policy, and the pod waits for an init container that never ends."""

    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a", "sleep", "3"), initContainers=[c("side", restartPolicy="Always")], restartPolicy="Never")
        story.run("60s")
        rows = f"side {story.of('side')['state']}".split(":")[0]
        return f"phase={story.status()['phase']} {rows.replace('{', '').strip()} a {story.waiting()}"

    story.check(
        table(VERSIONS, told),
        """
        1.28: phase=Pending side 'running' a PodInitializing:
        1.29 to 1.36: phase=Succeeded side 'terminated' a
        """,
    )


def test_the_event_of_an_image_that_is_there(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a", "true"), restartPolicy="OnFailure")
        story.run("10s")
        story.pod(
            c("a", "true"),
            name="again",
            restartPolicy="OnFailure",
        )
        story.run("10s")
        return next(str(line) for line in story.events("default/again").splitlines() if " Pulled " in line)

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.34: Normal Pulled a: Container image "IMAGE" already present on machine
        1.35 to 1.36: Normal Pulled a: Container image "IMAGE" already present on machine and can be accessed by the
            pod
        """,
    )


def test_readiness_after_a_restart_of_the_kubelet(new_story: Make, c: Make, story: Any) -> None:
    """Until 1.34 a container with a readiness probe is unready until the new process has probed it."""

    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        probe = {"exec": {"command": ["true"]}, "periodSeconds": 60}
        story.pod(c("a", readinessProbe=probe))
        story.run("90s")
        before = len(story.node.versions("default/web"))
        story.node.restart_kubelet()
        story.run("90s")
        rows = [one["status"]["containerStatuses"][0] for one in story.node.versions("default/web")[before:]]
        return " ".join(f"ready={row['ready']}".lower() for row in rows) or "nothing new"

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.34: ready=false ready=true
        1.35 to 1.36: nothing new
        """,
    )


def test_restart_rules_of_a_container(new_story: Make, c: Make, story: Any) -> None:
    """A pod that never restarts, and a container that does on exit code 3, where the gate lets it."""

    def told(version: str) -> str:
        rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [3]}}]
        story = new_story(kubelet_version=version)
        try:
            story.pod(c("a", restartPolicy="Never", restartPolicyRules=rules), restartPolicy="Never")
        except InputError as error:
            return str(error)
        story.exit(3)
        story.run("20s")
        return f"phase={story.status()['phase']} restarts={story.of('a')['restartCount']}"

    story.check(
        table(VERSIONS[6:], told),
        """
        1.34: phase=Failed restarts=0
        1.35 to 1.36: phase=Running restarts=1
        """,
    )


def test_restart_of_all_containers(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [3]}}]
        story = new_story(kubelet_version=version)
        try:
            story.pod(c("a", restartPolicy="Never", restartPolicyRules=rules), c("b"), restartPolicy="Never")
        except InputError as error:
            return str(error)
        story.exit(3)
        story.run("20s")
        types = {
            one["type"]
            for version in story.node.versions("default/web")
            for one in version["status"].get("conditions", ())
        }
        condition = "AllContainersRestarting" in types
        return f"restarts={story.of('a')['restartCount']} {story.of('b')['restartCount']} condition={condition}"

    story.check(
        table(VERSIONS[6:], told),
        """
        1.34: restarts=0 0 condition=False
        1.35: <dict>: spec.containers[0].restartPolicyRules[0].action: Unsupported value: "RestartAllContainers":
            supported values: "Restart"
        1.36: restarts=1 1 condition=True
        """,
    )


def test_a_host_name_of_its_own(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a"), hostnameOverride="other.example")
        story.run("5s")
        name = story.node.exec("default/web", ["hostname"]).stdout.decode().strip()
        config = next(entry for entry in story.node.journal if entry.method == "RunPodSandbox").request.config
        return f"hostname {name}, asked for {config.hostname}"

    story.check(
        table(VERSIONS[6:], told),
        """
        1.34: hostname web, asked for web
        1.35 to 1.36: hostname other.example, asked for other.example
        """,
    )


def test_what_the_node_says(new_story: Make, story: Any) -> None:
    def said(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.run("5s")
        status = story.node.status()["status"]
        info = status["nodeInfo"]
        handlers = [
            f"{one['name'] or 'default'}({' '.join(one['features'])})" for one in status.get("runtimeHandlers", ())
        ]
        told = {
            "proxy": info["kubeProxyVersion"],
            "handlers": " ".join(handlers),
            "features": " ".join(status.get("features", {})),
            "declared": " ".join(status.get("declaredFeatures", ())),
        }
        return "; ".join(f"{name} {text or '-'}" for name, text in told.items())

    story.check(
        table(VERSIONS, said),
        """
        1.28: proxy v1.28.0; handlers -; features -; declared -
        1.29: proxy v1.29.0; handlers -; features -; declared -
        1.30: proxy v1.30.0; handlers -; features -; declared -
        1.31: proxy v1.31.0; handlers default(recursiveReadOnlyMounts userNamespaces) runc(recursiveReadOnlyMounts
            userNamespaces); features -; declared -
        1.32: proxy v1.32.0; handlers default(recursiveReadOnlyMounts userNamespaces) runc(recursiveReadOnlyMounts
            userNamespaces); features -; declared -
        1.33 to 1.35: proxy -; handlers default(recursiveReadOnlyMounts userNamespaces) runc(recursiveReadOnlyMounts
            userNamespaces); features supplementalGroupsPolicy; declared -
        1.36: proxy -; handlers default(recursiveReadOnlyMounts userNamespaces) runc(recursiveReadOnlyMounts
            userNamespaces); features supplementalGroupsPolicy; declared ExtendWebSocketsToKubelet
            InPlacePodLevelResourcesVerticalScaling InPlacePodVerticalScalingInitContainers
            RestartAllContainersOnContainerExits
        """,
    )


def test_user_namespaces(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a"), hostUsers=False)
        story.run("5s")
        config = next(entry for entry in story.node.journal if entry.method == "RunPodSandbox").request.config
        asked = config.linux.security_context.namespace_options.HasField("userns_options")
        return f"phase={story.status()['phase']} a user namespace {asked}"

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.32: phase=Running a user namespace False
        1.33 to 1.36: phase=Running a user namespace True
        """,
    )


def test_a_proc_that_is_not_masked(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        try:
            story.pod(c("a", securityContext={"procMount": "Unmasked"}), hostUsers=False)
        except InputError as error:
            return str(error)
        story.run("5s")
        config = next(entry for entry in story.node.journal if entry.method == "CreateContainer").request.config
        return f"{len(config.linux.security_context.masked_paths)} masked paths"

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.32: 12 masked paths
        1.33 to 1.36: 0 masked paths
        """,
    )


def test_the_relist_on_demand(new_story: Make, c: Make, story: Any) -> None:
    """From 1.36 on a container is seen to run as soon as it does, before at the next relist."""

    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        story.pod(c("a"))
        story.run("5s")
        first = next(line for line in story.versions().splitlines() if "a: running" in line)
        return str(first.partition(" ")[0])

    story.check(
        table(VERSIONS, told),
        """
        1.28 to 1.35: 0.900s
        1.36: 0.231s
        """,
    )


def test_strict_groups_on_a_node_without_them(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version, profile="containerd-1.7")
        story.pod(c("a"), securityContext={"supplementalGroupsPolicy": "Strict"})
        story.run("5s")
        status = story.status()
        return f"{status['phase']} {status.get('reason', '')} {status.get('message', '')}".strip()

    story.check(
        table(VERSIONS[3:], told),
        """
        1.31 to 1.32: Running
        1.33 to 1.36: Failed SupplementalGroupsPolicyNotSupported Pod was rejected: SupplementalGroupsPolicy=Strict is
            not supported in this node
        """,
    )


def test_an_image_volume(new_story: Make, c: Make, story: Any) -> None:
    """While the gate is off the API server drops the volume and its mounts."""

    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        volumes = [{"name": "i", "image": {"reference": IMAGE}}]
        try:
            story.pod(c("a", volumeMounts=[{"name": "i", "mountPath": "/image"}]), volumes=volumes)
        except InputError as error:
            return str(error)
        story.run("5s")
        config = next(entry for entry in story.node.journal if entry.method == "CreateContainer").request.config
        count = sum(mount.HasField("image") for mount in config.mounts)
        return f"phase={story.status()['phase']}, {count} image mounts"

    story.check(
        table(VERSIONS, told),
        """
        1.28: <dict>: $.spec.volumes[0]: field 'image' is not in Kubernetes 1.28; Volume.image exists since 1.31
        1.29: <dict>: $.spec.volumes[0]: field 'image' is not in Kubernetes 1.29; Volume.image exists since 1.31
        1.30: <dict>: $.spec.volumes[0]: field 'image' is not in Kubernetes 1.30; Volume.image exists since 1.31
        1.31 to 1.34: phase=Running, 0 image mounts
        1.35 to 1.36: phase=Running, 1 image mounts
        """,
    )


def test_a_hook_that_sleeps(new_story: Make, c: Make, story: Any) -> None:
    def told(version: str) -> str:
        story = new_story(kubelet_version=version)
        try:
            program = ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")
            story.pod(c("a", *program, lifecycle={"preStop": {"sleep": {"seconds": 5}}}))
        except InputError as error:
            return str(error)
        story.until(lambda: story.is_running("a"))
        story.node.delete("default/web")
        start_ns = story.node.now_ns
        story.until(lambda: not story.node.pods())
        return f"gone after {(story.node.now_ns - start_ns) // 1_000_000_000} s"

    story.check(
        table(VERSIONS, told),
        """
        1.28: <dict>: $.spec.containers[0].lifecycle.preStop: field 'sleep' is not in Kubernetes 1.28;
            LifecycleHandler.sleep exists since 1.29
        1.29: gone after 2 s
        1.30 to 1.35: gone after 7 s
        1.36: gone after 6 s
        """,
    )
