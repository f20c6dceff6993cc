"""`kubesim.Node`: one emulated node in virtual time, synchronous to use."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.errors import InputError, SimulationStalled
from kubesim.host.disk import Disk
from kubesim.host.memory import Memory
from kubesim.kernel import Kernel, Task
from kubesim.middleware.journal import Journal, message_dict
from kubesim.model.duration import parse_duration
from kubesim.model.manifest import Manifest
from kubesim.node import arguments
from kubesim.node.image_sources import ImageSource, catalogue_of
from kubesim.node.machine_files import machine_files
from kubesim.node.node_capacity import node_capacity
from kubesim.node.node_view import NodeView
from kubesim.node.pod_network import EmulatedDial, NodePodNetwork
from kubesim.node.pod_subresources import add_ephemeral_container, set_condition
from kubesim.node.raw_call import raw_request
from kubesim.node.running_container import ExecResult, running_container_id
from kubesim.node.sources import Source, configuration_of, stored_manifests
from kubesim.node.static_files import static_files, static_path
from kubesim.node.stored_objects import apply_manifests, delete_object, resize_pod
from kubesim.node.world import World, WorldSettings
from kubesim.policy.feature_gates import NEWEST_VERSION
from kubesim.policy.runtime_profile import CgroupDriver
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.runtime.timings import Timings
from kubesim.userland.files.host_windows import WindowsHostFiles

T = TypeVar("T")

DEFAULT_PROFILE = "containerd-2.3"


class Node(NodeView):
    """A kubelet over an emulated runtime, with the API server and the host around them.

    Time stands still until `advance`. Use it as a context manager, or call `start` and `close`.

    Args:
        os: "linux" or "windows".
        kubelet_version: "1.28" to "1.36".
        profile: a runtime profile's name, or the path of a profile file.
        cgroup_driver: what the runtime answers to RuntimeConfig; None is the profile's default.
        config: a KubeletConfiguration: a dict, YAML text, or a path.
        images: files or folders of image documents, OCI layouts, archives, documents as dicts, or images; beside the
            built-in ones. A `kubesim.images.store.ImageStore` among them is asked for names that nothing else has.
        kubelet_fixes: changes of the kubelet that no release has, by pull request, such as "kubernetes#142120".
        seed: the source of all ids and jitter.
        node_name: metadata.name of the Node.
        capacity: the size of the machine: quantities of cpu, memory, ephemeral-storage, hugepages-2Mi and pods; what is
            left out is that of a small cloud machine (4 CPUs, 16Gi, 100Gi).
        cgroup_version: 1 or 2: the control groups in which the kubelet reads and writes what pods have; containers see
            those of version 2.

    Raises:
        InputError: an argument is wrong; the message says where and what would be right.
        KubeletStartError: the kubelet would not start with this runtime and configuration.
    """

    def __init__(
        self,
        *,
        os: str = "linux",
        kubelet_version: str = NEWEST_VERSION,
        profile: str = DEFAULT_PROFILE,
        cgroup_driver: CgroupDriver | None = None,
        config: Source | None = None,
        images: Sequence[ImageSource] = (),
        kubelet_fixes: Sequence[str] = (),
        seed: int = 1,
        node_name: str = "node-1",
        capacity: Mapping[str, str | int | float] | None = None,
        cgroup_version: int = 2,
    ) -> None:
        arguments.check_text(os, "Node(os)", example="linux")
        arguments.check_text(kubelet_version, "Node(kubelet_version)", example=NEWEST_VERSION)
        arguments.check_text(profile, "Node(profile)", example=DEFAULT_PROFILE)
        if config is not None:
            arguments.check_source(config, "Node(config)", what="a KubeletConfiguration")
        arguments.check_image_sources(images, "Node(images)")
        arguments.check_whole_number(seed, "Node(seed)")
        arguments.check_node_name(node_name, "Node(node_name)")
        self._kernel = Kernel(seed=seed)
        self.profile = load_profile(profile)
        arguments.check_operating_system(os, self.profile, "Node(os)")
        size = node_capacity(capacity, "Node(capacity)", os=os)
        effective = configuration_of(config, kubelet_version=kubelet_version, os=os)
        arguments.check_cgroup_version(cgroup_version, kubelet_version, effective, "Node(cgroup_version)")
        settings = WorldSettings(
            os=os,
            kubelet_version=kubelet_version,
            config=effective if size.pods_max is None else replace(effective, max_pods=size.pods_max),
            cgroup_version=cgroup_version,
            node_name=node_name,
            capacity=size.resources,
            kubelet_fixes=arguments.check_fixes(kubelet_fixes, "Node(kubelet_fixes)"),
        )
        host_files = WindowsHostFiles() if os == "windows" else machine_files(node_name=node_name)
        self._runtime = Runtime(
            self._kernel,
            profile=self.profile,
            catalogue=catalogue_of(images),
            host_files=host_files,
            cgroup_driver=cgroup_driver,
            timings=Timings.measured(),
            os=os,
        )
        self._journal = Journal(self._runtime, self._kernel)
        self._client = CriClient(self._runtime)
        self._disk = Disk(capacity_bytes=size.disk_bytes, images_bytes=self._runtime.disk_bytes)
        self._memory = Memory(capacity_bytes=size.memory_bytes, containers_bytes=self._runtime.memory_bytes)
        network = NodePodNetwork(EmulatedDial(self._runtime.daemon.processes.network))
        self._world = World(
            self._kernel, self._journal, settings, host_files, disk=self._disk, memory=self._memory, network=network
        )
        self._is_started = False
        self._is_closed = False

    # -- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the kubelet. Raises KubeletStartError, and InputError for a node that is closed."""
        self._check_open()
        if not self._is_started:
            self._run(self._world.start(), name="start kubelet")
            self._is_started = True

    def close(self) -> None:
        """End the kubelet; the node can be looked at, but not driven any more."""
        self._is_closed = True
        if self._is_started:
            self._world.stop()
            # What was cancelled ends now; nothing later is played.
            self._kernel.run_until(self._kernel.now_ns)
            self._is_started = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what users do ----------------------------------------------------------------------------------------

    def apply(self, source: Source | Manifest) -> list[str]:
        """Create the pods of a path, YAML text or dict, and the objects beside them, or change those that exist.

        All of the source is read and checked before the first is created. Returns their keys, in order:
        `namespace/name` of a pod, with `configmap/`, `secret/` or `service/` before it of the others, and
        `runtimeclass/NAME`. Raises InputError.
        """
        self.start()
        arguments.check_source(source, "apply(source)", what="manifests of pods")
        found = stored_manifests(source, self._world.strategy)
        return apply_manifests(self._world.api, found)

    def add_ephemeral_container(self, key: str, container: Mapping[str, Any]) -> None:
        """Give a pod one more ephemeral container, as `kubectl debug` does; its kubelet starts it once.

        `container` is a v1 EphemeralContainer; with `targetContainerName` it shares that container's processes.
        Raises InputError with a line for each mistake.
        """
        self._check_open()
        arguments.check_key(key, "add_ephemeral_container(key)")
        arguments.check_mapping(container, "add_ephemeral_container(container)", what="a v1 EphemeralContainer")
        add_ephemeral_container(self._world.api, key, container, kubelet_version=self._world.settings.kubelet_version)

    def set_condition(self, key: str, type: str, status: str, *, reason: str = "", message: str = "") -> None:  # noqa: A002 - the API's word
        """Write a condition of a pod's status, as a controller does for a readiness gate or a disruption.

        `status` is "True", "False" or "Unknown". The kubelet keeps conditions of others, and writes its own anew.
        Raises InputError.
        """
        self._check_open()
        arguments.check_key(key, "set_condition(key)")
        arguments.check_condition("set_condition", type=type, status=status, reason=reason, message=message)
        set_condition(self._world.api, key, type, status, reason=reason, message=message, now_ns=self._kernel.now_ns)

    def delete(self, key: str, *, grace_seconds: int | None = None) -> None:
        """DELETE a pod, as a user would; with `grace_seconds` 0 it is gone from the API at once.

        Other objects go by the keys that `apply` returned, such as `secret/namespace/name`, and are gone at once.
        """
        self._check_open()
        arguments.check_key(key, "delete(key)")
        arguments.check_grace(grace_seconds, "delete(grace_seconds)")
        delete_object(self._world.api, key, grace_seconds=grace_seconds)

    def resize(self, key: str, patch: Mapping[str, Any]) -> None:
        """Ask for other resources of a pod: PATCH of its subresource `resize`, which `kubectl patch` does likewise.

        `patch` is a strategic merge patch of the pod, such as
        `{"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "200m"}}}]}}`. Raises InputError in
        the words of the API server.
        """
        self._check_open()
        arguments.check_key(key, "resize(key)")
        arguments.check_mapping(patch, "resize(patch)", what="a patch")
        resize_pod(self._world.api, key, patch, strategy=self._world.strategy)

    def apply_static(self, source: Source | Manifest) -> list[str]:
        """Write a file for each pod of a source into the kubelet's folder of static pods, or replace it.

        The configuration has to name the folder: staticPodPath. Returns the keys that their mirror pods will have,
        such as `default/web-node-1`. Before `start` the files are there when the kubelet comes up. Raises InputError.
        """
        self._check_open()
        where = "apply_static(source)"
        if not isinstance(source, Manifest):
            arguments.check_source(source, where, what="manifests of pods")
        found = static_files(source, self._world.settings, self._world.strategy, where=where)
        for one in found:
            self._world.write_file(one.path, one.content)
        return [one.key for one in found]

    def remove_static(self, key: str) -> None:
        """Remove the file of a static pod by the key that `apply_static` gave: it is ended. Raises InputError."""
        self._check_open()
        arguments.check_text(key, "remove_static(key)", example="default/web-node-1")
        self._world.remove_file(static_path(key, self._world.settings, where="remove_static(key)"))

    def write_file(self, path: str, content: str | bytes) -> None:
        """Write a file of the machine, as somebody outside of all containers; folders on the way are made.

        In the folder of static pods the kubelet takes it for the manifest of one, and logs it if it is none. Text is
        written as UTF-8. Raises InputError.
        """
        self._check_open()
        arguments.check_path(path, "write_file(path)")
        self._world.write_file(path, arguments.bytes_of(content, "write_file(content)"))

    def remove_file(self, path: str) -> None:
        """Remove a file of the machine, or an empty folder. Raises InputError."""
        self._check_open()
        arguments.check_path(path, "remove_file(path)")
        self._world.remove_file(path)

    def advance(
        self,
        duration: str | None = None,
        *,
        until: Callable[[], bool] | None = None,
        at_most: str = "10m",
    ) -> None:
        """Let virtual time pass: for a duration such as "30s", or until a condition holds.

        Raises SimulationStalled when the condition does not hold within `at_most`.
        """
        self.start()
        if until is None:
            if duration is None:
                raise InputError("advance needs a duration or a condition", hint='say advance("30s") or until=...')
            self._kernel.run_until(self._kernel.now_ns + arguments.check_duration(duration, "advance(duration)"))
            return
        if not callable(until):
            hint = "give a function without parameters"
            raise InputError(f"{until!r} cannot be called", where="advance(until)", hint=hint)
        where = "advance(at_most)" if duration is None else "advance(duration)"
        limit = at_most if duration is None else duration
        if not self._kernel.run_until(self._kernel.now_ns + arguments.check_duration(limit, where), goal=until):
            raise SimulationStalled(f"the condition did not hold within {limit} of virtual time")

    def exec(
        self, key: str, command: Sequence[str], *, container: str | None = None, at_most: str = "1h"
    ) -> ExecResult:
        """Run a command in a running container (the first unless named); time passes while it runs.

        Raises InputError, CriError when the command cannot be started, and SimulationStalled when it does not end
        within `at_most`.
        """
        self._check_power()
        arguments.check_key(key, "exec(key)")
        arguments.check_command(command, "exec(command)")
        arguments.check_duration(at_most, "exec(at_most)")
        pod = self._world.api.pod(key)
        container_id = running_container_id(pod, key, container)
        answer = self._run(
            self._client.exec_sync(api.ExecSyncRequest(container_id=container_id, cmd=list(command))),
            name=f"exec in {key}",
            at_most=at_most,
        )
        return ExecResult(exit_code=answer.exit_code, stdout=answer.stdout, stderr=answer.stderr)

    def call(self, method: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a CRI call to the runtime as crictl does, past the kubelet and its journal; time passes while it runs.

        `method` is the name of an RPC, and `request` its message with the proto's field names; so is the answer.
        Raises InputError for what is no such call, and CriError when the runtime refuses it.
        """
        self._check_power()
        found, message = raw_request(method, request or {}, "call")
        answer = self._run(self._runtime.call(found, message), name=method)
        return dict(message_dict(answer))

    def shutdown(self) -> None:
        """Ask the machine to shut down; what follows takes virtual time: `advance`."""
        self.start()
        self._check_power()
        self._kernel.spawn(self._world.shut_down(), name="shutdown")

    def cancel_shutdown(self) -> None:
        """Call the shutdown off (Linux only: a Windows preshutdown cannot be cancelled)."""
        self._check_open()
        if self._world.logind is None:
            raise InputError("a Windows preshutdown cannot be cancelled")
        self._world.logind.cancel_shutdown()

    def restart_kubelet(self, *, down_for: str = "0s") -> None:
        """End the kubelet process, let `down_for` pass, and start it again; containers live on.

        Raises InputError, and KubeletStartError when the runtime is away, say: no kubelet runs until one comes up.
        """
        self.start()
        self._check_power()
        down_ns = arguments.check_duration(down_for, "restart_kubelet(down_for)")
        self._world.stop()
        self._kernel.run_until(self._kernel.now_ns + down_ns)
        self._run(self._world.start_again(), name="start kubelet again")

    def restart_runtime(self, *, down_for: str = "0s") -> None:
        """Restart the runtime's daemon, away for `down_for`; containers live on. Raises InputError."""
        self._check_power()
        self._runtime.restart(downtime_ns=arguments.check_duration(down_for, "restart_runtime(down_for)"))

    def exit_container(
        self, key: str, exit_code: int, *, container: str | None = None, reason: str | None = None
    ) -> None:
        """A container's first process ends now, from inside. The reason OOMKilled makes it an out-of-memory kill."""
        self._check_power()
        arguments.check_key(key, "exit_container(key)")
        arguments.check_whole_number(exit_code, "exit_container(exit_code)")
        container_id = running_container_id(self._world.api.pod(key), key, container)
        self._runtime.exit_container(container_id, exit_code, is_oom_killed=reason == "OOMKilled")

    def fill_disk(self, amount: str) -> None:
        """From now on files other than images take this much of the disk: a quantity ("70Gi"), or a part ("70%").

        The disk has 100 GiB unless its capacity was given, and images take what they take: the kubelet removes unused
        ones when it is too full. Raises InputError.
        """
        self._fill(self._disk, amount, "fill_disk(amount)")

    def fill_memory(self, amount: str) -> None:
        """From now on processes outside of containers take this much memory: a quantity ("15Gi"), or a part ("95%").

        The machine has 16 GiB unless its capacity was given, and containers take what they take: the kubelet evicts
        pods when too little is left. Raises InputError.
        """
        self._fill(self._memory, amount, "fill_memory(amount)")

    def _fill(self, place: Disk | Memory, amount: str, where: str) -> None:
        self._check_power()
        arguments.check_text(amount, where, example="70%")
        try:
            place.fill(amount)
        except InputError as error:
            raise InputError(error.what, where=where, hint=error.hint) from error

    @property
    def runtime(self) -> Runtime:
        """The emulated runtime: for what happens to it from outside, such as `exit_container` or `tag_image`."""
        return self._runtime

    def _check_open(self) -> None:
        """Raises InputError for a closed node: a kubelet that is started again would never be ended."""
        if self._is_closed:
            hint = "make another Node; what this one has seen can still be looked at"
            raise InputError("this node is closed", hint=hint)

    def _check_power(self) -> None:
        """Raises InputError for a node that is closed, or whose machine is off: no process is left on it."""
        self._check_open()
        if self._world.is_off:
            raise InputError("the machine of this node is powered off", hint="its API objects can still be looked at")

    def _run(self, coroutine: Coroutine[Any, Any, T], *, name: str, at_most: str = "10m") -> T:
        """Drive a coroutine to its end in virtual time. Raises what it raises, and SimulationStalled."""
        task: Task[T] = self._kernel.spawn(coroutine, name=name)
        # Somebody waits: an error of the task is raised here, not by the run.
        task.watch(lambda _: None)
        if not self._kernel.run_until(self._kernel.now_ns + parse_duration(at_most), goal=lambda: task.is_done):
            task.cancel()
            self._kernel.run_until(self._kernel.now_ns)
            raise SimulationStalled(f"{name} did not end within {at_most} of virtual time")
        return task.result()
