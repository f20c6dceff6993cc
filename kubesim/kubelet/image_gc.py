"""Image garbage collection: looks every five minutes which images are used, and removes others when the disk is full.

    detection loop   every 5 min: ListImages, the containers, ContainerStatus of each (image volumes), records
    collection loop  every 5 min: the same, then old images, ImageFsInfo, and images to make room

Mirrors kubelet: pkg/kubelet/images/image_gc_manager.go and pkg/kubelet/kubelet.go, StartGarbageCollection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Beat, Kernel, Looks, Series
from kubesim.kubelet.event_recorder import EventRecorder, node_reference
from kubesim.kubelet.image_pull_records import ImagePullRecords
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.last_answer import LastAnswer
from kubesim.kubelet.metrics import IMAGES_COLLECTED, Metrics
from kubesim.kubelet.outside import Disk
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.image_garbage import (
    NO_CAPACITY,
    ImagePolicy,
    ImageRecord,
    ListedImage,
    Shortage,
    UsedImages,
    deletions_failed,
    eviction_order,
    images_in_use,
    is_too_old,
    may_make_room,
    old_deletions_failed,
    shortage,
    space_not_freed,
    updated_records,
)
from kubesim.policy.pull_policy import aggregate_text

IMAGE_GC_NS = 300 * 10**9
MOST_BYTES = 2**63 - 1
SEEN_MAX = 256
"""A node with more containers than that does not keep their answers from one look to the next."""

_LISTS = (
    (methods.LIST_IMAGES, api.ListImagesRequest()),
    (methods.LIST_POD_SANDBOX, api.ListPodSandboxRequest()),
    (methods.LIST_CONTAINERS, api.ListContainersRequest()),
)


class _Seen(NamedTuple):
    """What a look at the runtime saw: the lists, the status of each container by id, and what they say.

    It holds until something happens, which is when the kernel's `activity` is another number.
    """

    activity: int
    lists: tuple[bytes, ...]
    statuses: Mapping[str, bytes]
    images: Sequence[ListedImage]
    in_use: frozenset[str]


class ImageGcFailed(KubesimError):
    """A collection came to nothing, or not far enough; `str(error)` is the kubelet's text."""


class _ListedContainer(NamedTuple):
    """A container of ListContainers, and the image it was made of."""

    id: str
    image_id: str


class ImageGarbageCollector:
    """Collects images on one node. `records` are those of pulled images, None without their feature gate."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        disk: Disk,
        *,
        node_name: str,
        policy: ImagePolicy,
        pull_records: ImagePullRecords | None,
        gates: Mapping[str, bool],
        metrics: Metrics,
        klog: Klog,
        is_measured: bool = False,
    ) -> None:
        """`is_measured`: whether the first collection knows the size of the disk.

        cAdvisor measures it on Linux, and starts once the runtime is ready: that is later.
        """
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._disk = disk
        self._is_measured = is_measured
        self._node = node_reference(node_name)
        self._policy = policy
        self._pull_records = pull_records
        self._gates = gates
        self._metrics = metrics
        self._klog = klog
        self._records: dict[str, ImageRecord] = {}
        self._images = LastAnswer(_listed_images)
        self._containers = LastAnswer(_listed_containers)
        self._mounted: dict[str, tuple[str, ...]] = {}
        """The images that a container mounts, from its begin to its end, by its id."""
        self._removed = 0
        self._seen: _Seen | None = None
        self._lists_again = [again for again in (client.again(*one) for one in _LISTS) if again is not None]

    async def run_detection(self) -> None:
        """Look at the images every five minutes, whatever the collection does."""
        beat = Beat(self._kernel)
        while True:
            try:
                if self._seen_again() is None:
                    await self._detect(self._kernel.now_ns)
            except ImageGcFailed as error:
                self._klog.info("Failed to monitor images", err=str(error))
            await beat.wait(IMAGE_GC_NS, found_nothing=True)

    async def run(self) -> None:
        """Collect images every five minutes. One failure is only logged, the second in a row is an event."""
        if self._policy.is_off:
            text = "ImageGCHighThresholdPercent is set 100 and ImageMaximumGCAge is 0, Disable image GC"
            self._klog.info(text, verbosity=2)
            return
        beat, began_ns = Beat(self._kernel), self._kernel.now_ns
        has_failed = False
        while True:
            removed = self._removed
            try:
                await self.collect(began_ns)
            except ImageGcFailed as error:
                if has_failed:
                    self._klog.error("Image garbage collection failed multiple times in a row", err=str(error))
                    self._recorder.event(self._node, "Warning", "ImageGCFailed", str(error))
                else:
                    text = "Image garbage collection failed once. Stats initialization may not have completed yet"
                    self._klog.error(text, err=str(error))
                has_failed = True
            else:
                verbosity = 1 if has_failed else 4
                self._klog.info("Image garbage collection succeeded", verbosity=verbosity)
                has_failed = False
            await beat.wait(IMAGE_GC_NS, found_nothing=not has_failed and self._removed == removed)

    async def collect(self, began_ns: int) -> None:
        """One collection of a kubelet that began collecting at `began_ns`. Raises ImageGcFailed."""
        now_ns = self._kernel.now_ns
        in_use = self._seen_again()
        if in_use is None:
            in_use = await self._detect(now_ns)
        images = await self._free_old(eviction_order(self._records.values(), in_use), now_ns, began_ns)
        capacity_bytes, available_bytes = await self._disk_usage()
        if capacity_bytes == 0:
            self._recorder.event(self._node, "Warning", "InvalidDiskCapacity", NO_CAPACITY)
            raise ImageGcFailed(NO_CAPACITY)
        lack = shortage(self._policy, capacity_bytes=capacity_bytes, available_bytes=available_bytes)
        if lack is None:
            return
        self._klog.info(
            "Disk usage on image filesystem is over the high threshold, trying to free bytes down to the low threshold",
            usage=lack.used_percent,
            highThreshold=self._policy.high_percent,
            amountToFree=lack.free_bytes,
            lowThreshold=self._policy.low_percent,
        )
        freed_bytes = await self._make_room(images, lack, now_ns)
        if freed_bytes < lack.free_bytes:
            text = space_not_freed(lack, capacity_bytes=capacity_bytes, freed_bytes=freed_bytes)
            self._recorder.event(self._node, "Warning", "FreeDiskSpaceFailed", text)
            raise ImageGcFailed(text)

    async def remove_unused(self) -> None:
        """Remove every image that no container has and that is old enough. Raises ImageGcFailed.

        Mirrors kubelet: DeleteUnusedImages, which the eviction manager calls.
        """
        now_ns = self._kernel.now_ns
        self._klog.info("Attempting to delete unused images")
        images = eviction_order(self._records.values(), await self._detect(now_ns))
        await self._make_room(images, Shortage(used_percent=100, free_bytes=MOST_BYTES), now_ns)

    # -- what is there ------------------------------------------------------------------------------------------

    async def _detect(self, detected_ns: int) -> frozenset[str]:
        """Bring the records up to date; the ids in use. Raises ImageGcFailed."""
        self._seen = None
        try:
            lists = tuple([await self._client.call_encoded(*one) for one in _LISTS])
        except CriError as error:
            raise ImageGcFailed(error.go_text) from error
        images, containers = self._images.of(lists[0]), self._containers.of(lists[2])
        statuses: dict[str, bytes] = {}
        if gate_enabled(self._gates, "ImageVolume"):
            for one in containers:
                statuses[one.id] = await self._status(one)
        self._mounted = {
            one: _mounted_images(answer) if (known := self._mounted.get(one)) is None else known
            for one, answer in statuses.items()
        }
        used = [UsedImages(image_id=one.image_id, mounted=self._mounted.get(one.id, ())) for one in containers]
        in_use = images_in_use(used, {one.id for one in images})
        self._update(images, in_use, detected_ns)
        if self._kernel.now_ns == detected_ns and len(statuses) <= SEEN_MAX:
            self._seen = _Seen(self._kernel.activity, lists, statuses, images, in_use)
        return in_use

    def _seen_again(self) -> frozenset[str] | None:
        """`_detect` where nothing has happened since the last time, for a loop that looks first thing when it wakes.

        The calls are noted, not made. None where something has happened, or may have: a pass that took time, a runtime
        that changes unseen.
        """
        seen, now_ns = self._seen, self._kernel.now_ns
        if seen is None or seen.activity != self._kernel.activity or len(self._lists_again) < len(_LISTS):
            return None
        looks = Looks(Series(now_ns, now_ns, IMAGE_GC_NS, 1, 0))
        for list_again, answer in zip(self._lists_again, seen.lists, strict=True):
            list_again(answer, looks)
        for container_id, answer in seen.statuses.items():
            request = api.ContainerStatusRequest(container_id=container_id)
            status_again = self._client.again(methods.CONTAINER_STATUS, request)
            assert status_again is not None, "who repeats lists repeats all"
            status_again(answer, looks)
        self._update(seen.images, seen.in_use, now_ns)
        return seen.in_use

    def _update(self, images: Sequence[ListedImage], in_use: frozenset[str], detected_ns: int) -> None:
        now_ns = self._kernel.now_ns
        self._records = updated_records(self._records, images, in_use, detected_ns=detected_ns, now_ns=now_ns)

    async def _status(self, container: _ListedContainer) -> bytes:
        """Only the status of a container tells the images that it mounts. Raises ImageGcFailed."""
        request = api.ContainerStatusRequest(container_id=container.id)
        try:
            return await self._client.call_encoded(methods.CONTAINER_STATUS, request)
        except CriError as error:
            raise ImageGcFailed(f"get container status: runtime container status: {error.go_text}") from error

    async def _disk_usage(self) -> tuple[int, int]:
        """Capacity and what is available of the disk with the images; 0 when it is unknown. Raises ImageGcFailed."""
        try:
            answer = await self._client.image_fs_info(api.ImageFsInfoRequest())
        except CriError as error:
            raise ImageGcFailed(error.go_text) from error
        if not answer.image_filesystems:
            raise ImageGcFailed("imageFs information is unavailable")
        if not self._is_measured:
            self._is_measured = True
            return 0, 0
        return self._disk.usage(answer.image_filesystems[0].fs_id.mountpoint)

    # -- removal ------------------------------------------------------------------------------------------------

    async def _free_old(self, images: Sequence[ImageRecord], now_ns: int, began_ns: int) -> list[ImageRecord]:
        """Remove the images that are too old; those that stay. Raises ImageGcFailed."""
        left, errors = [], []
        for image in images:
            error = ""
            if is_too_old(image, self._policy, now_ns=now_ns, began_ns=began_ns):
                error = await self._remove(image, reason="age")
                if not error:
                    continue
                errors.append(error)
            left.append(image)
        if errors:
            raise ImageGcFailed(old_deletions_failed(self._policy, aggregate_text(errors)))
        return left

    async def _make_room(self, images: Sequence[ImageRecord], lack: Shortage, now_ns: int) -> int:
        """Remove images until there is room; the bytes freed, by the sizes of the images. Raises ImageGcFailed."""
        freed_bytes, left, errors = 0, [], []
        for image in images:
            if not may_make_room(image, self._policy, now_ns=now_ns):
                left.append(image.id)
                continue
            error = await self._remove(image, reason="space")
            if error:
                errors.append(error)
                left.append(image.id)
                continue
            freed_bytes += image.size_bytes
            if freed_bytes >= lack.free_bytes:
                break
        if errors:
            raise ImageGcFailed(deletions_failed(lack.free_bytes, freed_bytes, aggregate_text(errors)))
        if self._pull_records is not None:
            # The kubelet hands over what it looked at and left: images in use are not among them, and their records go.
            self._pull_records.forget_others(left, before_ns=now_ns)
        return freed_bytes

    async def _remove(self, image: ImageRecord, *, reason: str) -> str:
        """Remove an image; the error's text, empty when it is gone."""
        runtime_handler = ""
        self._klog.info(
            "Removing image to free bytes", imageID=image.id, size=image.size_bytes, runtimeHandler=runtime_handler
        )
        self._removed += 1
        self._seen = None
        try:
            await self._client.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=image.id)))
        except CriError as error:
            return error.go_text
        self._records.pop(image.id, None)
        self._metrics.increase(IMAGES_COLLECTED, reason=reason)
        return ""


def _listed_images(answer: bytes) -> tuple[ListedImage, ...]:
    images = api.ListImagesResponse.FromString(answer).images
    return tuple(ListedImage(id=one.id, size_bytes=one.size, is_pinned=one.pinned) for one in images)


def _listed_containers(answer: bytes) -> tuple[_ListedContainer, ...]:
    containers = api.ListContainersResponse.FromString(answer).containers
    return tuple(_ListedContainer(one.id, one.image_id or one.image_ref) for one in containers)


def _mounted_images(answer: bytes) -> tuple[str, ...]:
    mounts = api.ContainerStatusResponse.FromString(answer).status.mounts
    return tuple(one.image.image for one in mounts if one.HasField("image"))
