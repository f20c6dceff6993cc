"""Random small pods, and random things that happen to them: strategies, and the node that carries them out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

import kubesim
from kubesim.cri import api

KEY = "default/web"
GATE = "example.com/gate"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
ABSENT = "registry.k8s.io/e2e-test-images/absent:1"
BAD_NAME = "Not An Image"

Step = tuple[Any, ...]
"""What happens, and its arguments."""

COMMANDS = st.sampled_from(
    [
        ["sleep", "1h"],
        ["sh", "-c", "trap 'exit 0' TERM; sleep 1h & wait"],
        ["sleep", "3"],
        ["sh", "-c", "sleep 2; exit 42"],
        ["true"],
        ["false"],
        ["/not/there"],
    ]
)
HANDLERS = st.sampled_from(
    [
        {"exec": {"command": ["true"]}},
        {"exec": {"command": ["sh", "-c", "sleep 2; exit 1"]}},
        {"exec": {"command": ["/not/there"]}},
        {"tcpSocket": {"port": 80}},
        {"httpGet": {"port": 80}},
    ]
)
HOOKS = st.sampled_from(
    [
        {"exec": {"command": ["true"]}},
        {"exec": {"command": ["sleep", "3"]}},
        {"exec": {"command": ["false"]}},
        {"sleep": {"seconds": 1}},
    ]
)
RULES = st.lists(
    st.builds(
        lambda action, operator, codes: {"action": action, "exitCodes": {"operator": operator, "values": codes}},
        st.sampled_from(["Restart", "RestartAllContainers"]),
        st.sampled_from(["In", "NotIn"]),
        st.lists(st.sampled_from([0, 1, 42, 137]), min_size=1, max_size=3, unique=True),
    ),
    max_size=2,
)
POLICIES = st.sampled_from(["Always", "OnFailure", "Never"])
NAMES = st.sampled_from(["a", "b", "i", "j", "s", "t"])
GRACES = st.sampled_from([0, 1, 3])
SECONDS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("exit"), NAMES, st.sampled_from([0, 1, 42, 137])),
    st.tuples(st.just("wait"), st.integers(0, 40_000)),
    st.tuples(st.just("delete"), GRACES),
    st.tuples(st.just("restart kubelet"), SECONDS),
    st.tuples(st.just("restart runtime"), SECONDS),
    st.tuples(st.just("stop sandbox")),
    st.tuples(st.just("debug"), st.sampled_from([BUSYBOX, ABSENT]), st.booleans()),
    st.tuples(st.just("condition"), st.sampled_from([GATE, "DisruptionTarget"]), st.sampled_from(["True", "False"])),
    st.tuples(st.just("image"), NAMES),
    st.tuples(st.just("label")),
    st.tuples(st.just("resize"), st.sampled_from(["a", "b"]), st.sampled_from(["10m", "200m", "3", "4"])),
    st.tuples(st.just("fill memory"), st.sampled_from(["0", "100%"])),
    st.tuples(st.just("again")),
)
SCRIPTS = st.lists(STEPS, max_size=8)
LAST_FORGETTING_MINOR = 35
FIRST_RESIZING_MINOR = 33
NEEDS_NO_POD = {"wait", "restart kubelet", "restart runtime", "fill memory"}


def playable(script: Sequence[Step], pod: Mapping[str, Any], minor: int) -> list[Step]:
    """The steps that 1.`minor` knows, and after which restart counts still go up.

    With a sandbox the init containers are removed, and their logs. Up to 1.35 one that is held back at that moment
    begins to count anew: see test_container_logs.
    """
    left_out = {"resize"} if minor < FIRST_RESIZING_MINOR else set()
    if minor <= LAST_FORGETTING_MINOR and pod["spec"].get("initContainers"):
        left_out.add("stop sandbox")
    return [step for step in script if step[0] not in left_out]


def one_in(draw: Any, count: int) -> bool:
    """True in one of `count` cases; shrinks to False."""
    return bool(draw(st.integers(0, count - 1)) == count - 1)


@st.composite
def probes(draw: Any) -> dict[str, Any]:
    return {
        **draw(HANDLERS),
        "periodSeconds": draw(st.integers(1, 9)),
        "initialDelaySeconds": draw(st.integers(0, 9)),
        "failureThreshold": draw(st.integers(1, 3)),
        "timeoutSeconds": draw(st.integers(1, 3)),
    }


@st.composite
def containers(draw: Any, name: str, *, kind: str = "regular") -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "image": BUSYBOX, "command": draw(COMMANDS)}
    if one_in(draw, 12):
        found["image"] = draw(st.sampled_from([ABSENT, BAD_NAME]))
    if one_in(draw, 3):
        found["resources"] = {"requests": {"cpu": draw(st.sampled_from(["50m", "1"])), "memory": "32Mi"}}
        if kind != "init" and one_in(draw, 3):
            found["resizePolicy"] = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]
    if kind == "sidecar":
        found["restartPolicy"] = "Always"
        if one_in(draw, 6):
            found["restartPolicyRules"] = draw(RULES)
    elif one_in(draw, 3):
        found["restartPolicy"] = draw(POLICIES if kind == "regular" else st.sampled_from(["OnFailure", "Never"]))
        found["restartPolicyRules"] = draw(RULES)
    if kind != "init":
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if one_in(draw, 5):
                found[probe] = draw(probes())
        hooks = {hook: draw(HOOKS) for hook in ("postStart", "preStop") if one_in(draw, 6)}
        if hooks:
            found["lifecycle"] = hooks
    return found


@st.composite
def pods(draw: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "restartPolicy": draw(POLICIES),
        "terminationGracePeriodSeconds": draw(st.integers(0, 4)),
        "containers": [draw(containers(name)) for name in ("a", "b")[: draw(st.integers(1, 2))]],
        "initContainers": [],
    }
    for name, kind in (("i", "init"), ("s", "sidecar"), ("j", "init"), ("t", "sidecar")):
        if one_in(draw, 3):
            spec["initContainers"].append(draw(containers(name, kind=kind)))
    if spec["restartPolicy"] == "Never":
        # Nothing is restarted for a resize.
        for container in (*spec["containers"], *spec["initContainers"]):
            container.pop("resizePolicy", None)
    if spec["terminationGracePeriodSeconds"] == 0:
        # A hook may not sleep for longer than the pod has.
        for container in (*spec["containers"], *spec["initContainers"]):
            _without_sleep(container)
    if one_in(draw, 4):
        spec["activeDeadlineSeconds"] = draw(st.integers(1, 60))
    if one_in(draw, 6):
        spec["readinessGates"] = [{"conditionType": GATE}]
    if one_in(draw, 6):
        spec["hostNetwork"] = True
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}


def of_version(pod: dict[str, Any], minor: int) -> dict[str, Any]:
    """The pod without the fields that the API server of 1.`minor` does not have or refuses."""
    for kind in ("containers", "initContainers"):
        for container in pod["spec"][kind]:
            is_sidecar = kind == "initContainers" and container.get("restartPolicy") == "Always"
            if minor < 36:
                rules = container.pop("restartPolicyRules", [])
                kept = [rule for rule in rules if rule["action"] == "Restart"]
                if kept and minor >= 34 and not is_sidecar:
                    container["restartPolicyRules"] = kept
            if minor < 34 and not is_sidecar:
                container.pop("restartPolicy", None)
            if minor < FIRST_RESIZING_MINOR:
                container.pop("resizePolicy", None)
            if minor < 29:
                _without_sleep(container)
            if minor < 29 and is_sidecar:
                for name in ("restartPolicy", "lifecycle", "startupProbe", "readinessProbe", "livenessProbe"):
                    container.pop(name, None)
    return pod


def _without_sleep(container: dict[str, Any]) -> None:
    for hook in container.get("lifecycle", {}).values():
        if hook.pop("sleep", None) is not None:
            hook["exec"] = {"command": ["true"]}


class Actor:
    """Does to the pod of one node what a script says, as far as it can be done just then."""

    def __init__(self, node: kubesim.Node, pod: dict[str, Any]) -> None:
        self._node = node
        self._pod = pod
        self._debuggers = 0
        self._actions: dict[str, Callable[..., None]] = {
            "wait": lambda milliseconds: node.advance(f"{milliseconds}ms"),
            "restart kubelet": self._restart_kubelet,
            "restart runtime": lambda seconds: node.restart_runtime(down_for=f"{seconds}s"),
            "delete": lambda grace_seconds: node.delete(KEY, grace_seconds=grace_seconds),
            "exit": self._exit,
            "stop sandbox": self._stop_sandbox,
            "debug": self._debug,
            "condition": lambda kind, status: node.set_condition(KEY, kind, status),
            "image": self._change_image,
            "label": self._label,
            "resize": self._resize,
            "fill memory": self._fill_memory,
            "again": lambda: node.apply(self._pod),
        }

    def play(self, script: Sequence[Step]) -> None:
        """All steps; those after the pod is gone are only the ones that need no pod, and one that makes it again."""
        for what, *arguments in script:
            if what in NEEDS_NO_POD or bool(self._node.pods()) is (what != "again"):
                self._actions[what](*arguments)

    def _restart_kubelet(self, seconds: int) -> None:
        # A kubelet that finds no runtime does not start at all; one that finds no memory rejects what runs, and forgets
        # all that was known of it.
        self._node.advance("6s")
        self._node.fill_memory("0")
        self._node.restart_kubelet(down_for=f"{seconds}s")

    def _fill_memory(self, amount: str) -> None:
        # Not before a kubelet that has just come up has admitted what runs.
        self._node.advance("1s")
        self._node.fill_memory(amount)

    def _exit(self, name: str, code: int) -> None:
        if name in self._running():
            self._node.exit_container(KEY, code, container=name)

    def _running(self) -> dict[str, str]:
        """Ids of the containers that are published as running, and whose first process has not ended meanwhile."""
        status = self._node.pod(KEY)["status"]
        rows = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        alive = {one.id for one in self._node.runtime._daemon.containers if one.process and one.process.status is None}
        ids = {one["name"]: one["containerID"].partition("://")[2] for one in rows if one["state"].get("running")}
        return {name: container_id for name, container_id in ids.items() if container_id in alive}

    def _stop_sandbox(self) -> None:
        for sandbox in list(self._node.runtime._daemon.sandboxes):
            self._call("StopPodSandbox", api.StopPodSandboxRequest(pod_sandbox_id=sandbox.id))

    def _call(self, method: str, request: Any) -> None:
        """As crictl does it: the daemon may be away just then."""
        try:
            self._node.call(method, {name.name: value for name, value in request.ListFields()})
        except kubesim.KubesimError:
            self._node.advance("1s")

    def _debug(self, image: str, has_target: bool) -> None:
        self._debuggers += 1
        target = {"targetContainerName": "a"} if has_target else {}
        container = {"name": f"debug{self._debuggers}", "image": image, "command": ["sleep", "5"], **target}
        self._node.add_ephemeral_container(KEY, container)

    def _change_image(self, name: str) -> None:
        lists = (self._pod["spec"]["containers"], self._pod["spec"]["initContainers"])
        for container in (one for entries in lists for one in entries if one["name"] == name):
            container["image"] = "registry.k8s.io/e2e-test-images/busybox:1.36.1-1"
            self._node.apply(self._pod)

    def _label(self) -> None:
        self._pod["metadata"]["labels"] = {"changed": str(self._node.now_ns)}
        self._node.apply(self._pod)

    def _resize(self, name: str, cpu: str) -> None:
        for container in self._pod["spec"]["containers"]:
            if container["name"] == name and "resources" in container:
                container["resources"]["requests"]["cpu"] = cpu
                resources = {"requests": {"cpu": cpu}}
                self._node.resize(KEY, {"spec": {"containers": [{"name": name, "resources": resources}]}})
