"""A runtime with its streaming server on a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.methods import Method
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel, RealTimePump, Task
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.server.pod_sockets.node_pods import NodePods
from kubesim.server.streaming.node_streams import NodeStreams
from kubesim.server.streaming.options import StreamOptions
from kubesim.userland.files.host_files import MemoryHostFiles

IMAGE = "docker.io/library/busybox:latest"
T = TypeVar("T")


class StreamingWorld:
    """Everything but `call` and its friends belongs to the loop's thread; reach it with `inside`."""

    def __init__(self, profile: str, options: StreamOptions, *, has_real_pods: bool, pod_ipv6_cidr: str | None) -> None:
        self.kernel = Kernel(start_ns=0)
        self.failures: list[BaseException] = []
        self.pods = NodePods(f"a test with {profile}") if has_real_pods else None
        self.runtime = Runtime(
            self.kernel,
            profile=load_profile(profile),
            catalogue=load_catalogue(()),
            host_files=MemoryHostFiles(),
            pod_ports=None if self.pods is None else self.pods.sockets(self.kernel),
            pod_ipv6_cidr=pod_ipv6_cidr,
        )
        if self.pods is not None:
            self.pods.observe(self.runtime.daemon.processes.network)
        self.streams = NodeStreams(self.kernel, options, lambda: self.runtime.daemon)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump: RealTimePump | None = None
        self._pods = 0
        self._containers = 0

    # -- the loop's thread ------------------------------------------------------------------------------------

    def serve(self, started: threading.Event, stopped: "Future[None]") -> None:
        """Run until `stop`."""
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test waits
            stopped.set_exception(error)
        else:
            stopped.set_result(None)
        finally:
            started.set()

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._pump = RealTimePump(self.kernel, self._loop, on_failure=self.failures.append)
        self.streams.listen()
        await self.streams.serve(self._pump)
        self.runtime.daemon.streaming_url = self.streams.url
        if self.pods is not None:
            self.pods.start(self._pump, self._loop)
        self._pump.start()
        started.set()
        await self._stop.wait()
        self.streams.stop()
        if self.pods is not None:
            self.pods.stop()
            self.pods.release()
        self._pump.stop()
        self.kernel.run_until(self.kernel.now_ns)  # whatever was begun at this very instant

    def stop(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)

    # -- the test's thread ------------------------------------------------------------------------------------

    def inside(self, ask: Callable[[], T]) -> T:
        """What `ask` returns on the loop's thread."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - it is raised again in the test
                answer.set_exception(error)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(run)
        return answer.result(30)

    def enter(self, run: Callable[[], object]) -> None:
        """Run on the loop's thread, in an event of the kernel."""
        assert self._loop is not None
        assert self._pump is not None
        self._loop.call_soon_threadsafe(self._pump.enter, run)

    def call(self, method: Method, request: Message) -> Any:
        """Answer an RPC."""
        answer: Future[Any] = Future()

        def start() -> None:
            task: Task[Any] = Task(self.kernel, self.runtime.call(method, request), name="call")

            def ended(_: Task[Any]) -> None:
                if task.error is not None:
                    answer.set_exception(task.error)
                else:
                    answer.set_result(task.result())

            task.watch(ended)
            assert self._pump is not None
            self._pump.start_task(task, None)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(start)
        return answer.result(30)

    def run_pod(self, **fields: Any) -> str:
        self._pods += 1
        config = self._pod_config(f"p{self._pods}", **fields)
        answer = self.call(methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=config))
        return str(answer.pod_sandbox_id)

    @staticmethod
    def _pod_config(name: str, **fields: Any) -> api.PodSandboxConfig:
        metadata = api.PodSandboxMetadata(name=name, uid="u", namespace="n")
        return api.PodSandboxConfig(metadata=metadata, log_directory="/logs", **fields)

    def run_container(self, *command: str, pod: str | None = None, image: str = IMAGE, **fields: Any) -> str:
        """Start a container, by default one that sleeps; its id."""
        pod = pod or self.run_pod()
        self._containers += 1
        spec = api.ImageSpec(image=image)
        self.call(methods.PULL_IMAGE, api.PullImageRequest(image=spec))
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name="c", attempt=self._containers),
            image=spec,
            command=list(command or ("sleep", "100000")),
            log_path="c.log",
            **fields,
        )
        request = api.CreateContainerRequest(pod_sandbox_id=pod, config=config, sandbox_config=self._pod_config("p"))
        container = str(self.call(methods.CREATE_CONTAINER, request).container_id)
        self.call(methods.START_CONTAINER, api.StartContainerRequest(container_id=container))
        return container

    def exec_url(self, container: str, *command: str, **streams: bool) -> str:
        wanted = streams or {"stdout": True, "stderr": True}
        request = api.ExecRequest(container_id=container, cmd=command, **wanted)
        return str(self.call(methods.EXEC, request).url)

    def attach_url(self, container: str, **streams: bool) -> str:
        wanted = streams or {"stdout": True, "stderr": True}
        return str(self.call(methods.ATTACH, api.AttachRequest(container_id=container, **wanted)).url)

    def forward_url(self, pod: str, *ports: int) -> str:
        request = api.PortForwardRequest(pod_sandbox_id=pod, port=ports)
        return str(self.call(methods.PORT_FORWARD, request).url)


@contextmanager
def streaming_world(
    profile: str = "containerd-2.3",
    options: StreamOptions | None = None,
    *,
    has_real_pods: bool = False,
    pod_ipv6_cidr: str | None = None,
) -> Iterator[StreamingWorld]:
    """Serve while the block runs; no task of the kernel may have failed by then."""
    world = StreamingWorld(
        profile, options or StreamOptions(), has_real_pods=has_real_pods, pod_ipv6_cidr=pod_ipv6_cidr
    )
    started = threading.Event()
    stopped: Future[None] = Future()
    thread = threading.Thread(target=world.serve, args=(started, stopped), daemon=True)
    thread.start()
    started.wait(30)
    if stopped.done():
        stopped.result()
    try:
        yield world
    finally:
        world.stop()
        stopped.result(30)
        thread.join()
    assert world.failures == []
