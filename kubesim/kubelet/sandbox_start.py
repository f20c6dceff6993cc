"""Makes the sandbox of a pod: its configuration, RunPodSandbox, and what the runtime says of it then.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, SyncPod (step 4) and kuberuntime_sandbox.go,
createPodSandbox.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kubelet.event_recorder import WARNING, EventRecorder, node_reference
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.last_made import LastMade
from kubesim.kubelet.metrics import STARTED_POD_ERRORS, STARTED_PODS, Metrics
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.runtime_classes import RuntimeClasses, RuntimeClassNotFound
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.sandbox_config import dns_warnings, sandbox_config, sandbox_hostname
from kubesim.kubelet.sync_error import SyncError
from kubesim.kubelet.user_namespaces import UserNamespaces
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_dns import DnsWarning
from kubesim.policy.pod_hostname import HostnameError
from kubesim.policy.pod_view import RuntimePod
from kubesim.policy.qos import QosClass
from kubesim.policy.user_namespaces import UserNamespaceError


class SandboxStarter:
    """Makes sandboxes on one node. `on_ready(pod)` is called when one is there."""

    def __init__(
        self,
        client: CriClient,
        recorder: EventRecorder,
        runtime_pods: RuntimePods,
        host_files: HostFiles,
        directories: PodDirectories,
        node: NodeSettings,
        metrics: Metrics,
        user_namespaces: UserNamespaces,
        *,
        runtime_classes: RuntimeClasses,
        on_ready: Callable[[v1.Pod], object],
        is_termination_requested: Callable[[str], bool],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._runtime_pods = runtime_pods
        self._host_files = host_files
        self._directories = directories
        self._node = node
        self._metrics = metrics
        self._user_namespaces = user_namespaces
        self._runtime_classes = runtime_classes
        self._on_ready = on_ready
        self._is_termination_requested = is_termination_requested
        self._of_node = node_reference(node.node_name)
        self._last_warnings = LastMade[tuple[object, ...], tuple[DnsWarning, ...]]()
        self._last_configs = LastMade[tuple[object, ...], bytes]()

    async def start(self, pod: v1.Pod, runtime: RuntimePod, *, attempt: int, qos: QosClass) -> RuntimePod | None:
        """Run a sandbox; the pod as the runtime shows it afterwards. Raises SyncError.

        None when it failed and the pod is to be ended anyway: then it is no error, and nobody is told.
        """
        name = f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"
        self._metrics.increase(STARTED_PODS)
        try:
            sandbox_id = await self._run(pod, attempt, qos)
        except (CriError, HostnameError, RuntimeClassNotFound, UserNamespaceError) as error:
            if self._is_termination_requested(pod.metadata.uid):
                return None
            text = error.go_text if isinstance(error, CriError) else str(error)
            self._metrics.increase(STARTED_POD_ERRORS)
            message = f"Failed to create pod sandbox: {text}"
            self._recorder.event(pod_reference(pod), WARNING, "FailedCreatePodSandBox", message)
            is_made = isinstance(error, CriError | RuntimeClassNotFound)
            what = "create sandbox" if is_made else "generate sandbox config"
            raise SyncError(f'Failed to {what} for pod "{name}": {text}') from error
        try:
            fresh = await self._runtime_pods.sandbox(sandbox_id)
        except CriError as error:
            message = f"Unable to get pod sandbox status: {error.go_text}"
            self._recorder.event(pod_reference(pod), WARNING, "FailedPodSandBoxStatus", message)
            raise SyncError(message) from error
        shown = RuntimePod(sandboxes=(fresh, *runtime.sandboxes), containers=runtime.containers)
        self._on_ready(pod)
        return shown

    def config(
        self, pod: v1.Pod, *, attempt: int, qos: QosClass
    ) -> tuple[api.UserNamespace | None, Callable[[], api.PodSandboxConfig]]:
        """The user namespace and the configuration, as every sync makes it. Raises HostnameError, UserNamespaceError.

        The message is built when it is asked for, anew each time: a sync that starts nothing has no use for it, and one
        that waits for the runtime would hold it for as long.
        """
        user_namespace = self._user_namespaces.options(pod) if self._node.os == "linux" else None
        of_pod = pod_reference(pod)
        for warning in self._warnings(pod):
            target = self._of_node if warning.is_of_node else of_pod
            self._recorder.event(target, WARNING, warning.reason, warning.message)

        return user_namespace, lambda: self._config(pod, attempt, qos, user_namespace)

    def _warnings(self, pod: v1.Pod) -> tuple[DnsWarning, ...]:
        """What is said at each sync: the spec of a pod and its name decide. Raises HostnameError."""
        meta = pod.metadata
        source = (pod.spec, meta.name, meta.namespace)
        known = self._last_warnings.get(meta.uid, source)
        if known is None:
            sandbox_hostname(pod, self._node)
            known = dns_warnings(pod, self._node)
            self._last_warnings.put(meta.uid, source, known)
        return known

    def _config(
        self, pod: v1.Pod, attempt: int, qos: QosClass, user_namespace: api.UserNamespace | None
    ) -> api.PodSandboxConfig:
        """A sandbox is described anew for each of its containers: in the same words unless something of it changed."""
        meta = pod.metadata
        source = (pod.spec, meta.name, meta.namespace, meta.labels, meta.annotations, attempt, qos, user_namespace)
        known = self._last_configs.get(meta.uid, source)
        if known is not None:
            return api.PodSandboxConfig.FromString(known)
        config = sandbox_config(
            pod,
            attempt=attempt,
            qos=qos,
            node=self._node,
            directories=self._directories,
            user_namespace=user_namespace,
        )
        self._last_configs.put(meta.uid, source, config.SerializeToString())
        return config

    async def _run(self, pod: v1.Pod, attempt: int, qos: QosClass) -> str:
        created = await self._client.run_pod_sandbox(self._request(pod, attempt, qos))
        return created.pod_sandbox_id

    def _request(self, pod: v1.Pod, attempt: int, qos: QosClass) -> api.RunPodSandboxRequest:
        _, config = self.config(pod, attempt=attempt, qos=qos)
        self._host_files.make_dirs(self._directories.logs(pod))
        handler = self._runtime_classes.handler(pod)
        return api.RunPodSandboxRequest(config=config(), runtime_handler=handler)
