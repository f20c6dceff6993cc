"""The streamed forms of the lists: the same rows, in messages of a bounded number of items.

No items, no message: the stream ends with OK. Mirrors containerd: internal/cri/server/container_list.go,
StreamContainers, and its sisters; CRI-O: server/container_list.go, StreamContainers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.images import image_rows
from kubesim.runtime.pod_metrics import pod_metrics_rows
from kubesim.runtime.stats import container_stats_rows, sandbox_stats_rows

T = TypeVar("T")


async def stream_container_stats(
    daemon: Daemon, request: api.StreamContainerStatsRequest
) -> AsyncIterator[api.StreamContainerStatsResponse]:
    """As ListContainerStats."""
    for chunk in _chunks(daemon, container_stats_rows(daemon, request.filter)):
        yield api.StreamContainerStatsResponse(container_stats=chunk)


async def stream_pod_sandbox_stats(
    daemon: Daemon, request: api.StreamPodSandboxStatsRequest
) -> AsyncIterator[api.StreamPodSandboxStatsResponse]:
    """As ListPodSandboxStats."""
    for chunk in _chunks(daemon, sandbox_stats_rows(daemon, request.filter)):
        yield api.StreamPodSandboxStatsResponse(pod_sandbox_stats=chunk)


async def stream_pod_sandbox_metrics(
    daemon: Daemon, _request: api.StreamPodSandboxMetricsRequest
) -> AsyncIterator[api.StreamPodSandboxMetricsResponse]:
    """As ListPodSandboxMetrics."""
    for chunk in _chunks(daemon, await pod_metrics_rows(daemon)):
        yield api.StreamPodSandboxMetricsResponse(pod_sandbox_metrics=chunk)


async def stream_images(daemon: Daemon, request: api.StreamImagesRequest) -> AsyncIterator[api.StreamImagesResponse]:
    """As ListImages."""
    for chunk in _chunks(daemon, image_rows(daemon, request.filter)):
        yield api.StreamImagesResponse(images=chunk)


async def get_container_events(
    daemon: Daemon, _request: api.GetEventsRequest
) -> AsyncIterator[api.ContainerEventResponse]:
    """Every change from now on; see `events`."""
    async for encoded in daemon.events.listen():
        yield api.ContainerEventResponse.FromString(encoded)


def _chunks(daemon: Daemon, rows: Iterable[T]) -> Iterator[Sequence[T]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, daemon.profile.statistics.stream_chunk_items)):
        yield chunk
