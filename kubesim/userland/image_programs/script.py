"""Programs that an image fixture describes itself: an agenda of what to do when, and what signals add to it.

Costs what it does: one timer for the next thing to do, nothing while there is none.
"""

from __future__ import annotations

import functools
from heapq import heappop, heappush

from kubesim.kernel import Event, TaskGroup
from kubesim.model.program_script import Exit, Grow, PutFile, Script, Step, TakeOn, Write, decoded_script
from kubesim.model.service_script import Listen
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.script_port import ScriptPort
from kubesim.userland.processes.process_life import Process, Program
from kubesim.userland.processes.signals import NUMBERS
from kubesim.userland.processes.system_calls import set_group, set_groups, set_user


@functools.lru_cache(maxsize=256)
def scripted_program(text: str) -> Program:
    """The program of an encoded script. Raises InputError for text that is none."""
    script = decoded_script(text)

    async def run(process: Process) -> int:
        return await _Run(process, script).until_exit()

    return run


class _Run:
    """One process that follows a script."""

    __slots__ = ("_agenda", "_count", "_group", "_process", "_start_ns", "_woken")

    def __init__(self, process: Process, script: Script) -> None:
        self._process = process
        self._start_ns = process.kernel.now_ns
        self._agenda: list[tuple[int, int, Step, int]] = []
        """Time, rank among what is due then, step, how often it was done."""
        self._count = 0
        self._group = TaskGroup()
        """Those who serve the ports."""
        self._woken: Event | None = None
        for name, reaction in script.signals:
            process.handlers[NUMBERS[name]] = None if reaction is None else functools.partial(self._react, reaction)
        self._add(script.steps)

    async def until_exit(self) -> int:
        """Do what is due, for ever or until it is to exit; its exit code."""
        try:
            async with self._group:
                code = await self._follow()
                self._group.cancel()
        except FsError as error:
            await self._process.complain(f"{error.filename or 'write error'}: {error.strerror}")
            return 1
        return code

    async def _follow(self) -> int:
        kernel = self._process.kernel
        while True:
            while self._agenda and self._agenda[0][0] <= kernel.now_ns:
                time_ns, rank, step, done = heappop(self._agenda)
                if isinstance(step.action, Exit):
                    return step.action.code
                done += 1
                if step.every_ns is not None and done != step.times:
                    heappush(self._agenda, (time_ns + step.every_ns, rank, step, done))
                await self._do(step.action)
                await self._process.step()
            await self._wait()

    async def _do(self, action: Write | PutFile | Grow | Listen | TakeOn) -> None:
        process = self._process
        if isinstance(action, Write):
            await process.write(action.fd, action.data)
        elif isinstance(action, Grow):
            await process.grow(action.size_bytes)
        elif isinstance(action, Listen):
            self._listen(action)
        elif isinstance(action, TakeOn):
            self._take_on(action)
        elif action.content is not None:
            process.files.write(action.path, action.content)
        else:
            process.files.remove_file(action.path)

    def _take_on(self, identity: TakeOn) -> None:
        """The user last: without root's capabilities the groups could not be set any more."""
        if identity.groups is not None:
            set_groups(self._process, identity.groups)
        if identity.gid is not None:
            set_group(self._process, identity.gid)
        if identity.uid is not None:
            set_user(self._process, identity.uid)

    def _listen(self, spec: Listen) -> None:
        port = ScriptPort(self._process, spec, self._start_ns)
        port.open()
        self._group.spawn(port.run(), name=f"port {spec.port} of process {self._process.host_pid}")

    def _add(self, steps: tuple[Step, ...]) -> None:
        now_ns = self._process.kernel.now_ns
        for step in steps:
            self._count += 1
            heappush(self._agenda, (now_ns + step.first_ns, self._count, step, 0))

    def _react(self, reaction: tuple[Step, ...], _signum: int) -> None:
        self._add(reaction)
        self._process.cpu.interrupt()
        if self._woken is not None:
            self._woken.set()

    async def _wait(self) -> None:
        """Until the next thing is due, or a signal brings more."""
        kernel = self._process.kernel
        woken = self._woken = Event()
        timer = kernel.call_later(self._agenda[0][0] - kernel.now_ns, woken.set) if self._agenda else None
        try:
            await woken.wait()
        finally:
            self._woken = None
            if timer is not None:
                kernel.cancel(timer)
