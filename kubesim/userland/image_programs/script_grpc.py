"""The gRPC health server of a scripted program."""

from __future__ import annotations

from kubesim.kernel import Event, sleep
from kubesim.model.schedule import Schedule
from kubesim.model.service_script import GrpcService
from kubesim.model.service_spec import HealthStatus
from kubesim.userland.network.grpc_health import health_services
from kubesim.userland.network.grpc_server import answer_calls
from kubesim.userland.network.stream import Stream
from kubesim.userland.processes.process_life import Process


class ScriptedGrpc:
    """The server behind one port. `start_ns` is when the program began."""

    __slots__ = ("_process", "_schedules", "_services", "_start_ns")

    def __init__(self, process: Process, service: GrpcService, start_ns: int) -> None:
        self._process = process
        self._schedules: dict[str, Schedule[HealthStatus]] = dict(service.health)
        self._start_ns = start_ns
        self._services = health_services(self)

    async def serve_stream(self, stream: Stream) -> None:
        """Answer the calls of one connection."""
        await answer_calls(self._process, stream, self._services)

    def services(self) -> list[str]:
        """The names there are now, as written."""
        return [name for name in self._schedules if self.status(name) is not None]

    def status(self, service: str) -> HealthStatus | None:
        """By the schedule; SERVICE_UNKNOWN is no service at all."""
        schedule = self._schedules.get(service)
        status = None if schedule is None else schedule.at(self._elapsed_ns())
        return None if status == "SERVICE_UNKNOWN" else status

    async def wait_change(self, service: str) -> None:
        """Until the next entry of the schedule."""
        schedule = self._schedules.get(service)
        change_ns = None if schedule is None else schedule.next_change_ns(self._elapsed_ns())
        if change_ns is None:
            await Event().wait()
        else:
            await sleep(change_ns - self._elapsed_ns())

    def _elapsed_ns(self) -> int:
        return self._process.kernel.now_ns - self._start_ns
