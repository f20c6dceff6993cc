"""Stops containers and pods: grace period, preStop, the turn of sidecars, StopContainer, StopPodSandbox.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer, killContainersWithSyncResult) and
kuberuntime_manager.go (killPodWithSyncResult).
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Event, Kernel, Task, TaskGroup, timeout
from kubesim.kubelet.container_hooks import ContainerHooks, HookFailed
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import container_reference
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.model import k8s_v1 as v1
from kubesim.policy.go_quote import go_quote
from kubesim.policy.grace_period import container_grace_seconds, remaining_grace_seconds, stop_timeout_seconds
from kubesim.policy.pod_view import ContainerKind, PodView, RuntimeContainer, RuntimePod, RuntimeState
from kubesim.policy.sync_plan import KillReason

SECOND_NS = 1_000_000_000


class KillPodFailed(KubesimError):
    """Something of a pod could not be stopped; the text is the kubelet's, one part for each container and sandbox.

    Mirrors kubelet: pkg/kubelet/container/sync_result.go, PodSyncResult.Error.
    """


class TerminationOrder:
    """Whose turn it is: a sidecar stops after all regular containers and after the sidecars behind it.

    Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_termination_order.go.
    """

    def __init__(self, pod: PodView, running: frozenset[str]) -> None:
        self._stopped = {name: Event() for name in running}
        regular = [one.name for one in pod.containers if one.name in running]
        self._before: dict[str, list[str]] = {}
        # The kubelet looks only at the next sidecar: one that is over lets the one before it go, whatever follows.
        after: list[str] = []
        for container in reversed(pod.init_containers):
            if container.kind is ContainerKind.SIDECAR:
                self._before[container.name] = [*regular, *after]
                after = [container.name] if container.name in running else []

    async def wait_turn(self, name: str, grace_ns: int) -> None:
        """Wait until everything that stops before this container has stopped, at most `grace_ns`."""
        try:
            async with timeout(grace_ns):
                for other in self._before.get(name, ()):
                    await self._stopped[other].wait()
        except TimeoutError:
            return

    def stopped(self, name: str) -> None:
        """A container has stopped."""
        if name in self._stopped:
            self._stopped[name].set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One container to stop. `override_seconds` replaces the pod's grace period, `probe_seconds` comes from a probe."""

    container: RuntimeContainer
    message: str = ""
    reason: KillReason = KillReason.OTHER
    override_seconds: int | None = None
    probe_seconds: int | None = None


class ContainerKiller:
    """Stops containers with everything that goes with it."""

    def __init__(self, kernel: Kernel, client: CriClient, recorder: EventRecorder, hooks: ContainerHooks) -> None:
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._hooks = hooks
        self._pre_stops: list[Task[None]] = []

    def stop(self) -> None:
        """The kubelet process ends, and nobody waits for hooks any more."""
        for task in self._pre_stops:
            task.cancel()

    async def kill_container(self, pod: v1.Pod, kill: Kill, order: TerminationOrder | None = None) -> None:
        """Stop one container. Raises CriError when the runtime cannot."""
        name = kill.container.name
        grace_seconds = container_grace_seconds(
            reason=kill.reason,
            override_seconds=kill.override_seconds,
            deletion_seconds=pod.metadata.deletion_grace_period_seconds,
            probe_seconds=kill.probe_seconds,
            pod_seconds=pod.spec.termination_grace_period_seconds,
        )
        reference = container_reference(pod, name)
        self._recorder.event(reference, "Normal", "Killing", kill.message or f"Stopping container {name}")
        began_ns = self._kernel.now_ns
        if grace_seconds > 0:
            await self._pre_stop(pod, kill.container, grace_seconds)
            grace_seconds = remaining_grace_seconds(grace_seconds, spent_ns=self._kernel.now_ns - began_ns)
        if grace_seconds > 0 and order is not None:
            began_ns = self._kernel.now_ns
            await order.wait_turn(name, grace_seconds * SECOND_NS)
            grace_seconds = remaining_grace_seconds(grace_seconds, spent_ns=self._kernel.now_ns - began_ns)
        try:
            await self._client.stop_container(
                api.StopContainerRequest(
                    container_id=bare_id(kill.container.id), timeout=stop_timeout_seconds(grace_seconds)
                )
            )
        except CriError as error:
            if error.code is not Code.NOT_FOUND:
                # Nobody is told that this one is over: who waits for it waits out the grace period.
                raise
        if order is not None:
            order.stopped(name)

    async def kill_pod(self, pod: v1.Pod, view: PodView, runtime: RuntimePod, override_seconds: int | None) -> None:
        """Stop all running containers in parallel, then every sandbox the runtime knows of. Raises KillPodFailed.

        What cannot be stopped keeps nothing else from being stopped.
        """
        failures: list[str] = []

        async def end(container: RuntimeContainer) -> None:
            kill = Kill(container=container, override_seconds=override_seconds)
            try:
                await self.kill_container(pod, kill, order)
            except CriError as error:
                failures.append(_failure("KillContainer", container.name, error))

        running = [one for one in runtime.containers if one.state is RuntimeState.RUNNING]
        order = None
        if any(one.kind is ContainerKind.SIDECAR for one in view.init_containers):
            order = TerminationOrder(view, frozenset(one.name for one in running))
        async with TaskGroup() as group:
            for container in running:
                group.spawn(end(container), name=f"kill {container.name}")
        sandbox_failure = ""
        for sandbox in runtime.sandboxes:
            try:
                await self._client.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=sandbox.id))
            except CriError as error:
                if error.code is not Code.NOT_FOUND:
                    # All sandboxes share one result, which keeps the last error.
                    sandbox_failure = _failure("KillPodSandbox", pod.metadata.uid, error)
        if sandbox_failure:
            failures.append(sandbox_failure)
        if failures:
            raise KillPodFailed(failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]")

    async def _pre_stop(self, pod: v1.Pod, container: RuntimeContainer, grace_seconds: int) -> None:
        spec = next(
            (one for one in (*pod.spec.containers, *pod.spec.init_containers) if one.name == container.name), None
        )
        if spec is None or spec.lifecycle is None or spec.lifecycle.pre_stop is None:
            return
        hook = self._run_pre_stop(pod, spec, bare_id(container.id), spec.lifecycle.pre_stop)
        task = self._kernel.spawn(hook, name=f"preStop of {container.name}")
        self._pre_stops = [*(one for one in self._pre_stops if not one.is_done), task]
        try:
            async with timeout(grace_seconds * SECOND_NS):
                await task.join()
        except TimeoutError:
            # A hook that outlives the grace period goes on; its command ends with the container, and that is a failure.
            return

    async def _run_pre_stop(
        self, pod: v1.Pod, container: v1.Container, container_id: str, handler: v1.LifecycleHandler
    ) -> None:
        try:
            await self._hooks.run(pod, container, container_id, handler)
        except HookFailed:
            self._recorder.event(
                container_reference(pod, container.name), "Warning", "FailedPreStopHook", "PreStopHook failed"
            )


def _failure(action: str, target: str, error: CriError) -> str:
    return f'failed to "{action}" for "{target}" with {action}Error: {go_quote(error.go_text)}'
