"""The shape of Scenario documents; `kubesim.model.scenario` checks what types cannot say.

    apiVersion: kubesim/v1
    kind: Scenario
    metadata: {name: strict-drops-implicit-groups}
    spec:
      node: {os: linux, kubeletVersion: "1.36", profile: containerd-2.3, cgroupDriver: systemd, seed: 1, images: []}
      steps:
        - at: 0s
          apply: [{apiVersion: v1, kind: Pod, ...}]
        - at: 10s
          expect: {pod: default/strict, path: status.phase, equals: Running}
        - at: 60s
          shutdown: {}

Durations are Go texts ("30s", "1m30s"). A pod is named `namespace/name`.

One document can be played on several nodes, once for each combination, and a step can be meant for some of them:

    spec:
      sweep: {profile: [containerd-2.0, containerd-2.3, cri-o-1.36], kubeletVersion: ["1.32", "1.36"]}
      images:                                               # beside the built-in ones and the files of node.images
        - metadata: {name: example.com/app:1}
          spec: {user: app, files: {/etc/passwd: "app:x:1:1::/:", /bin/: {userland: busybox}}}
      steps:
        - at: 10s
          when: {profile: containerd-*, kubeletVersion: "1.36"}
          note: as fixed
          expect: {pod: default/strict, path: status.phase, equals: Running}

A raw call goes to the runtime past the kubelet, as crictl's do, and later ones can use what it answered:

        - at: 5s
          cri: {method: ListPodSandbox, as: found}
        - at: 5s
          expect:
            cri: {method: PodSandboxStatus, request: {pod_sandbox_id: "$(found.items[0].id)"}}
            path: response.status.state
            equals: SANDBOX_READY
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from kubesim.model.image_document import ImageListItem


class NodeSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """The emulated node; what `kubesim.Node` takes."""

    os: Literal["linux", "windows"] = "linux"
    kubelet_version: str = "1.36"
    profile: str = "containerd-2.3"
    """A built-in one, or a file relative to the scenario's directory."""
    cgroup_driver: Literal["systemd", "cgroupfs"] = "systemd"
    """The cgroup driver of the runtime; the kubelet's own is in `config`."""
    seed: int = 1
    config: dict[str, Any] = field(default_factory=dict)
    """A KubeletConfiguration."""
    images: list[str] = field(default_factory=list)
    """Image fixtures, relative to the scenario's directory."""
    kubelet_fixes: list[str] = field(default_factory=list)
    """Changes of the kubelet that no release has, by pull request: `kubernetes#142120`."""
    capacity: dict[str, str | int | float] = field(default_factory=dict)
    """The size of the machine: `{cpu: 2, memory: 8Gi, pods: 20}`; what is left out is that of a small cloud machine."""


class Delete(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Deletes a pod through the API. `delete: default/web` is short for `delete: {pod: default/web}`.

    `secret/default/login` is the Secret of that name, `configmap/default/settings` the ConfigMap.
    """

    pod: str
    grace_period_seconds: int | None = None
    """None: the pod's own; 0 removes the object at once."""


class AddEphemeralContainer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Adds an ephemeral container to a pod, as `kubectl debug` does."""

    pod: str
    container: dict[str, Any]
    """A v1 EphemeralContainer."""


class Resize(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asks for other resources of a pod, as `kubectl patch --subresource resize` does."""

    pod: str
    patch: dict[str, Any]
    """A strategic merge patch: `{spec: {containers: [{name: app, resources: {requests: {cpu: 200m}}}]}}`."""


class SetCondition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Writes a condition of a pod's status, as a controller does for a readiness gate or a disruption."""

    pod: str
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""


class CallPattern(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """CRI calls of the journal."""

    method: str
    """The name of the RPC: CreateContainer."""
    request: dict[str, Any] = field(default_factory=dict)
    """Fields that the request must have, with snake_case names as crictl shows them; lists and maps may hold more."""
    error: str | None = None
    """The gRPC status name the call must have ended with; "OK" for none."""


class EventPattern(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Events of a pod, or of the node when no pod is named."""

    pod: str | None = None
    type: Literal["Normal", "Warning"] | None = None
    reason: str | None = None
    message: str | None = None
    """The whole message."""
    message_matches: str | None = None
    """A regular expression found in the message."""


class Exec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Runs a command in a container of a pod, as `kubectl exec` does."""

    pod: str
    command: list[str]
    container: str | None = None
    """None: the first one."""
    stdin: str = ""


class CriCall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Sends one CRI call straight to the runtime; the kubelet's journal does not have it.

    A text of the request that is `$(NAME.path)` stands for that part of the answer that an earlier step kept `as` NAME.
    """

    method: str
    """The name of the RPC: CreateContainer. Calls that answer with a stream cannot be sent."""
    request: dict[str, Any] = field(default_factory=dict)
    """The request, with snake_case names as crictl shows them."""
    as_: str | None = field(default=None, name="as")
    """Keeps the answer under a name; the step then needs an answer that is no error."""


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Looks at one subject and says what must be true of it."""

    pod: str | None = None
    node: bool | None = None
    """true: the node object."""
    journal: CallPattern | None = None
    event: EventPattern | None = None
    exec: Exec | None = None
    timeline: dict[str, Any] | None = None
    """Fields that a row of the timeline must have."""
    cri: CriCall | None = None
    metric: str | None = None
    """A metric of the kubelet as /metrics has it: kubelet_image_volume_requested_total, or with labels in braces."""
    path: str = ""
    """Where to look in the subject: status.containerStatuses[0].ready; stdout, stderr, exitCode or error of an exec;
    response.status or error.message of a cri call."""
    equals: Any | UnsetType = UNSET
    matches: str | None = None
    """A regular expression found in the value."""
    contains: Any | UnsetType = UNSET
    """A part of a text, an entry of a list, or fields of a mapping."""
    at_least: int | float | None = field(default=None, name="atLeast")
    """A number that is not smaller; of a list, how many entries it has."""
    at_most: int | float | None = field(default=None, name="atMost")
    absent: bool | None = None
    """true: nothing is there."""
    count: int | None = None
    """How many entries or matches there are."""
    within: str | None = None
    """The expectation becomes true within this time."""
    for_: str | None = field(default=None, name="for")
    """The expectation stays true for this time."""


class Shutdown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Announces a shutdown of the machine: PrepareForShutdown on Linux, the preshutdown event on Windows."""


class CancelShutdown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes the announcement back."""


class RestartKubelet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Stops the kubelet and starts it again."""

    down_for: str = "0s"


class RestartRuntime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Stops the runtime and starts it again; containers keep running."""

    down_for: str = "0s"


class ContainerExit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Ends a running container from inside."""

    pod: str
    container: str | None = None
    """None: the first one."""
    exit_code: int = 0
    reason: str | None = None
    """The runtime's reason, such as OOMKilled; None: Completed or Error by the exit code."""


class FaultError(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a faulty call answers."""

    message: str
    code: str = "Unknown"
    """The gRPC status name."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Makes CRI calls fail or take longer."""

    method: str
    name: str = ""
    """What clearFault calls it; empty: the method."""
    request: dict[str, Any] = field(default_factory=dict)
    """Only calls whose request has these fields."""
    error: FaultError | None = None
    delay: str = "0s"
    skip: int = 0
    """Calls that are left alone first."""
    times: int | None = None
    """Calls that are hit after that; None: all."""


class ClearFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Removes a fault; all of them when no name is given."""

    name: str | None = None


class TagImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Moves or adds a name in the registry: `as` then means the image that `image` means."""

    image: str
    as_: str = field(name="as")


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """The runs of a sweep that a step is part of: for each axis a value, or several of which one must be the run's.

    A `*` in a value stands for any characters.
    """

    os: str | list[str] | None = None
    kubelet_version: str | list[str] | None = None
    profile: str | list[str] | None = None
    cgroup_driver: str | list[str] | None = None


class StepSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One step: a time and exactly one action."""

    at: str
    """Time since the start of the scenario."""
    when: When | None = None
    """None: in every run."""
    note: str = ""
    """What reports say of the step: as released."""
    apply: list[dict[str, Any]] | None = None
    """Kubernetes objects, created or changed through the API."""
    apply_files: list[str] | None = None
    """Manifests, relative to the scenario's directory."""
    delete: str | Delete | None = None
    add_ephemeral_container: AddEphemeralContainer | None = None
    resize: Resize | None = None
    set_condition: SetCondition | None = None
    apply_static: list[dict[str, Any]] | None = None
    """Pods whose manifests are written into the folder that the kubelet's `config` names: staticPodPath."""
    remove_static: str | None = None
    """The static pod whose manifest is taken away, by the name of its mirror pod: default/web-node-1."""
    expect: Expect | None = None
    shutdown: Shutdown | None = None
    cancel_shutdown: CancelShutdown | None = None
    restart_kubelet: RestartKubelet | None = None
    restart_runtime: RestartRuntime | None = None
    container_exit: ContainerExit | None = None
    fault: Fault | None = None
    clear_fault: ClearFault | None = None
    exec: Exec | None = None
    set_features: dict[str, bool] | None = None
    """Features the runtime reports in Status: supplementalGroupsPolicy."""
    tag_image: TagImage | None = None
    fill_disk: str | None = None
    """What files other than images take of the node's disk of 100Gi from now on: 70Gi, or 70%."""
    fill_memory: str | None = None
    """What processes outside of containers take of the node's 16Gi of memory from now on: 15Gi, or 95%."""
    cri: CriCall | None = None


class SweepSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Values of the node's fields: the scenario is played once for each combination, and `node` leaves them out."""

    os: list[Literal["linux", "windows"]] | None = None
    kubelet_version: list[str] | None = None
    profile: list[str] | None = None
    cgroup_driver: list[Literal["systemd", "cgroupfs"]] | None = None


class ScenarioSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The node and what happens to it."""

    steps: list[StepSpec]
    node: NodeSpec = field(default_factory=NodeSpec)
    sweep: SweepSpec | None = None
    images: list[ImageListItem] = field(default_factory=list)
    """Images that the registries have, or the node from the start; beside those of the files that the node names."""


class ScenarioMetadata(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The metadata of a Scenario document."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class ScenarioDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A Scenario document as written."""

    api_version: Literal["kubesim/v1"]
    kind: Literal["Scenario"]
    metadata: ScenarioMetadata
    spec: ScenarioSpec
