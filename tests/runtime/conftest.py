"""A runtime in virtual time, and short ways to ask it for the usual things."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from kubesim.cri import CriError, api
from kubesim.cri.client import CriClient
from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Declared, Image, PullBehaviour, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import userland_nodes
from kubesim.images.tree import file_node
from kubesim.kernel import Kernel, Task
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.runtime.timings import Timings
from kubesim.userland.files.host_files import MemoryHostFiles

T = TypeVar("T")

NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
PASSWD = b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
GROUP = b"root:x:0:\nwheel:x:10:root\napp:x:1000:\nextra:x:50000:app\n"


def image(
    *references: str,
    config: ImageConfig | None = None,
    files: dict[str, Any] | None = None,
    is_present: bool = True,
    pinned: bool = False,
    pull: PullBehaviour | None = None,
    marker: str = "",
    size_bytes: int | None = None,
    unpacked_bytes: int | None = None,
    digest: str | None = None,
) -> Image:
    """An image with a userland in /bin; `marker` makes its content, and so its id, another."""
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries += [("/etc/passwd", file_node(PASSWD)), ("/etc/group", file_node(GROUP))]
    entries += [("/marker", file_node(marker.encode()))] if marker else []
    entries += [
        (path, node if not isinstance(node, bytes) else file_node(node)) for path, node in (files or {}).items()
    ]
    declared = Declared(
        references=references,
        is_present=is_present,
        pinned=pinned,
        pull=pull or PullBehaviour(),
        size_bytes=size_bytes,
        unpacked_bytes=unpacked_bytes,
        digest=digest,
    )
    default = ImageConfig(env=(("PATH", "/bin"),), cmd=("sh",))
    return make_image(declared, config=config or default, layers=[entries])


class Driver:
    """A kernel with a runtime on it; every method that calls runs virtual time until the call is answered."""

    def __init__(
        self,
        profile: str = "containerd-2.3",
        images: tuple[Image, ...] | None = None,
        kernel: Kernel | None = None,
        **options: Any,
    ) -> None:
        self.kernel = kernel or Kernel(seed=1)
        self.files: Any = options.pop("host_files", None) or MemoryHostFiles(now_ns=lambda: self.kernel.now_ns)
        self.catalogue = Catalogue(images if images is not None else (image(BUSYBOX),))
        self.runtime = Runtime(
            self.kernel, profile=load_profile(profile), catalogue=self.catalogue, host_files=self.files, **options
        )
        self.cri = CriClient(self.runtime)

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Task[T]:
        task = self.kernel.spawn(coroutine, name="test")
        task.watch(lambda _: None)  # the test looks at the outcome
        return task

    def spawn_with_deadline(self, coroutine: Coroutine[Any, Any, T], seconds: float | None) -> Task[T]:
        """A call of a client that waits so long; None is for ever. Unlike a client, nothing cancels it then."""
        task = Task(self.kernel, coroutine, name="test")
        task.watch(lambda _: None)
        task.start(None if seconds is None else int(seconds * NS))
        return task

    def do(self, coroutine: Coroutine[Any, Any, T], at_most_seconds: int = 600) -> T:
        task = self.spawn(coroutine)
        self.kernel.run_until(self.kernel.now_ns + at_most_seconds * NS, goal=lambda: task.is_done)
        self.advance(0)  # whatever else is due at this instant
        assert task.is_done, f"not answered within {at_most_seconds} s of virtual time"
        return task.result()

    def refused(self, coroutine: Coroutine[Any, Any, Any]) -> CriError:
        with pytest.raises(CriError) as raised:
            self.do(coroutine)
        return raised.value

    def advance(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + int(seconds * NS))

    def events(self) -> list[api.ContainerEventResponse]:
        """A list that fills with every event from now on."""
        received: list[api.ContainerEventResponse] = []

        async def listen() -> None:
            async for event in self.cri.get_container_events(api.GetEventsRequest()):
                received.append(event)

        self.spawn(listen())
        self.advance(0)
        return received

    # -- requests -----------------------------------------------------------------------------------------

    def pod_config(self, name: str = "pod", **fields: Any) -> api.PodSandboxConfig:
        attempt = fields.pop("attempt", 0)
        metadata = api.PodSandboxMetadata(name=name, uid=f"uid-{name}", namespace="ns", attempt=attempt)
        return api.PodSandboxConfig(metadata=metadata, **fields)

    def container_config(self, *command: str, name: str = "ctr", **fields: Any) -> api.ContainerConfig:
        attempt = fields.pop("attempt", 0)
        image_name = fields.pop("image", BUSYBOX)
        return api.ContainerConfig(
            metadata=api.ContainerMetadata(name=name, attempt=attempt),
            image=api.ImageSpec(image=image_name),
            command=command,
            **fields,
        )

    # -- calls --------------------------------------------------------------------------------------------

    def run_pod(self, config: api.PodSandboxConfig | None = None, handler: str = "") -> str:
        request = api.RunPodSandboxRequest(config=config or self.pod_config(), runtime_handler=handler)
        return self.do(self.cri.run_pod_sandbox(request)).pod_sandbox_id

    def create(self, pod: str, config: api.ContainerConfig, pod_config: api.PodSandboxConfig | None = None) -> str:
        return self.do(self.creating(pod, config, pod_config)).container_id

    def creating(
        self, pod: str, config: api.ContainerConfig, pod_config: api.PodSandboxConfig | None = None
    ) -> Coroutine[Any, Any, api.CreateContainerResponse]:
        return self.cri.create_container(
            api.CreateContainerRequest(
                pod_sandbox_id=pod, config=config, sandbox_config=pod_config or self.pod_config()
            )
        )

    def starting(self, container: str) -> Coroutine[Any, Any, api.StartContainerResponse]:
        return self.cri.start_container(api.StartContainerRequest(container_id=container))

    def stopping(self, container: str, seconds: int = 0) -> Coroutine[Any, Any, api.StopContainerResponse]:
        return self.cri.stop_container(api.StopContainerRequest(container_id=container, timeout=seconds))

    def removing(self, container: str) -> Coroutine[Any, Any, api.RemoveContainerResponse]:
        return self.cri.remove_container(api.RemoveContainerRequest(container_id=container))

    def execing(self, container: str, *cmd: str, seconds: int = 0) -> Coroutine[Any, Any, api.ExecSyncResponse]:
        return self.cri.exec_sync(api.ExecSyncRequest(container_id=container, cmd=cmd, timeout=seconds))

    def start(self, pod: str, *command: str, pod_config: api.PodSandboxConfig | None = None, **fields: Any) -> str:
        """Create and start a container."""
        container = self.create(pod, self.container_config(*command, **fields), pod_config)
        self.do(self.starting(container))
        return container

    def status(self, container: str) -> api.ContainerStatus:
        return self.do(self.cri.container_status(api.ContainerStatusRequest(container_id=container))).status

    def pod_status(self, pod: str) -> api.PodSandboxStatus:
        return self.do(self.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod))).status

    def containers(self, **selection: Any) -> list[api.Container]:
        request = api.ListContainersRequest(filter=api.ContainerFilter(**selection))
        return list(self.do(self.cri.list_containers(request)).containers)

    def pods(self, **selection: Any) -> list[api.PodSandbox]:
        request = api.ListPodSandboxRequest(filter=api.PodSandboxFilter(**selection))
        return list(self.do(self.cri.list_pod_sandbox(request)).items)

    def pulling(self, name: str, **auth: str) -> Coroutine[Any, Any, api.PullImageResponse]:
        request = api.PullImageRequest(image=api.ImageSpec(image=name), auth=api.AuthConfig(**auth) if auth else None)
        return self.cri.pull_image(request)

    def removing_image(self, name: str) -> Coroutine[Any, Any, api.RemoveImageResponse]:
        return self.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=name)))

    def image_status(self, name: str, *, verbose: bool = False) -> Coroutine[Any, Any, api.ImageStatusResponse]:
        return self.cri.image_status(api.ImageStatusRequest(image=api.ImageSpec(image=name), verbose=verbose))

    def image_of(self, name: str) -> api.Image | None:
        response = self.do(self.image_status(name))
        return response.image if response.HasField("image") else None

    def images(self, name: str = "") -> list[api.Image]:
        request = api.ListImagesRequest(filter=api.ImageFilter(image=api.ImageSpec(image=name)))
        return list(self.do(self.cri.list_images(request)).images)

    def stop_pod(self, pod: str) -> None:
        self.do(self.cri.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=pod)))

    def remove_pod(self, pod: str) -> None:
        self.do(self.cri.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=pod)))


@pytest.fixture
def node() -> Driver:
    """A node with containerd 2.3, and one present image."""
    return Driver()


@pytest.fixture
def measured() -> Driver:
    """The same, with the times a real node takes."""
    return Driver(timings=Timings.measured())


@pytest.fixture
def crio() -> Driver:
    """A node with CRI-O 1.36."""
    return Driver("cri-o-1.36")


@pytest.fixture
def new_node() -> Callable[..., Driver]:
    """A node of one's own making."""
    return Driver


@pytest.fixture
def new_image() -> Callable[..., Image]:
    """An image of one's own making."""
    return image


@pytest.fixture(scope="session")
def new_node_for_properties() -> Callable[..., Driver]:
    """The same for tests of hypothesis, whose examples share the fixture: each example makes a node of its own."""
    return Driver


@pytest.fixture(scope="session")
def new_image_for_properties() -> Callable[..., Image]:
    """An image of one's own making, for tests of hypothesis."""
    return image
