"""A node with a runtime and an API server that say what a test wants, for the tests in this folder."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import LIST_IMAGES, STATUS, VERSION, Method
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_description import HostIdentity, NodeDescription
from kubesim.kubelet.node_status import NodeStatusUpdater
from kubesim.kubelet.node_status_settings import NodeReports, NodeStatusSettings
from kubesim.kubelet.runtime_state import RuntimeState
from kubesim.model.k8s_v1 import Event, Node, NodeCondition, NodeStatus
from kubesim.policy.feature_gates import resolve_gates

SECOND = 10**9


START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


class FakeRuntime:
    """Answers Version, Status and ListImages, and writes down when it was asked."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.calls: list[tuple[float, str]] = []
        self.failing: set[str] = set()
        self.version = "2.4.0-beta+unknown"
        self.status = api.StatusResponse()
        self.set_condition("RuntimeReady", status=True)
        self.set_condition("NetworkReady", status=True)
        for name in ("runc", ""):
            handler = self.status.runtime_handlers.add(name=name)
            handler.features.recursive_read_only_mounts = True
            handler.features.user_namespaces = True
        self.status.features.supplemental_groups_policy = True
        self.images: list[api.Image] = []

    def set_condition(self, name: str, *, status: bool, reason: str = "", message: str = "") -> None:
        conditions = self.status.status.conditions
        for index, condition in enumerate(conditions):
            if condition.type == name:
                del conditions[index]
                break
        conditions.add(type=name, status=status, reason=reason, message=message)

    async def call(self, method: Method, request: Message) -> Message:
        self.calls.append(((self._kernel.now_ns - START) / SECOND, method.name))
        if method.name in self.failing:
            raise CriError(Code.UNAVAILABLE, "connection refused")
        answers: dict[Method, Callable[[], Message]] = {
            VERSION: lambda: api.VersionResponse(
                version="0.1.0",
                runtime_name="containerd",
                runtime_version=self.version,
                runtime_api_version="v1",
            ),
            STATUS: lambda: self.status,
            LIST_IMAGES: lambda: api.ListImagesResponse(images=self.images),
        }
        return answers[method]()

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        raise NotImplementedError


class FakeApi:
    """One Node and its Events; writes down every write."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.node: Node | None = None
        self.writes: list[tuple[float, str]] = []
        self.events: list[tuple[float, str, str, str]] = []

    def _now(self) -> float:
        return (self._kernel.now_ns - START) / SECOND

    def get_node(self) -> Node | None:
        return self.node

    def register_node(self, node: Node) -> None:
        self.node = node
        self.writes.append((self._now(), "register"))

    def patch_node_status(self, status: NodeStatus) -> None:
        assert self.node is not None
        self.node = msgspec.structs.replace(self.node, status=status)
        self.writes.append((self._now(), "patch"))

    def create_event(self, event: Event) -> None:
        self.events.append((self._now(), event.type, event.reason, event.message))

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        self.events.append((self._now(), "again", str(count), message))
        return True

    def patch_pod_status(self, uid: str, status: Any) -> None:
        raise NotImplementedError

    def delete_pod_now(self, uid: str) -> None:
        raise NotImplementedError

    def create_mirror_pod(self, pod: Any) -> str:
        raise NotImplementedError

    def delete_mirror_pod(self, namespace: str, name: str, uid: str | None) -> bool:
        raise NotImplementedError


GOLDEN = NodeDescription(
    name="golden",
    kubelet_version="1.36.2",
    capacity={
        "cpu": "2",
        "memory": "24684092Ki",
        "ephemeral-storage": "264212084Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    },
    eviction_hard={"memory.available": "50Mi", "nodefs.available": "1%", "nodefs.inodesFree": "1%"},
    identity=HostIdentity(
        machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
        system_uuid="3d1219c7c4c5404aaa1f6d2a48adfda4",
        boot_id="8ff79a07-8c9a-40a1-8a95-5f5cb1557fdf",
        kernel_version="6.18.44",
        os_image="Debian GNU/Linux 12 (bookworm)",
    ),
)


class Bench:
    """One node with a runtime and an API server."""

    def __init__(
        self,
        description: NodeDescription = GOLDEN,
        *,
        settings: NodeStatusSettings | None = None,
        gates: Mapping[str, bool] | None = None,
    ) -> None:
        self.kernel = Kernel(start_ns=START, seed=1)
        self.runtime = FakeRuntime(self.kernel)
        self.api = FakeApi(self.kernel)
        self.klog = Klog(self.kernel)
        self.pleg_error = ""
        self.is_shutting_down = False
        self.pressures: frozenset[str] = frozenset()
        self.became_ready: list[float] = []
        self.description = description
        self.settings = settings or NodeStatusSettings()
        self.gates = gates if gates is not None else resolve_gates(description.kubelet_version)
        self.new_process()

    def new_process(self) -> None:
        client = CriClient(self.runtime)
        self.state = RuntimeState(self.kernel, client, klog=self.klog, on_ready=self.on_ready)
        self.updater = NodeStatusUpdater(
            self.kernel,
            client,
            self.api,
            description=self.description,
            settings=self.settings,
            gates=self.gates,
            runtime=self.state,
            reports=NodeReports(
                pleg_error=lambda: self.pleg_error,
                is_shutting_down=lambda: self.is_shutting_down,
                pressures=lambda: self.pressures,
            ),
            recorder=EventRecorder(self.kernel, self.api, node_name=self.description.name),
            klog=self.klog,
        )

    async def on_ready(self) -> None:
        self.became_ready.append(self.now)

    @property
    def now(self) -> float:
        return (self.kernel.now_ns - START) / SECOND

    def until(self, seconds: float) -> None:
        self.kernel.run_until(START + round(seconds * SECOND))

    @property
    def status(self) -> NodeStatus:
        assert self.api.node is not None
        return self.api.node.status

    def shown(self) -> dict[str, Any]:
        """The status as JSON."""
        shown: dict[str, Any] = msgspec.to_builtins(self.status)
        return shown

    def condition(self, name: str) -> NodeCondition:
        return next(one for one in self.status.conditions if one.type == name)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.updater.start()
    return bench


@pytest.fixture
def new_bench() -> type[Bench]:
    """Makes a node that is not started yet: `new_bench(description, settings=..., gates=...)`."""
    return Bench
