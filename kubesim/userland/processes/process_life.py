"""One process: a coroutine of the kernel with descriptors, signals and an end.

Rule 1: a program is `async def run(process) -> int`; what it returns is the exit code. It runs as one task.
Rule 2: a process dies of a signal by cancellation of its task, so its `finally` blocks run, and then everything it held
is let go of in `_ended`, whatever the way it ended.
Rule 3: pid 1 of a namespace is not reached by signals it has no handler for, SIGKILL from outside excepted, and when
it ends all of its namespace ends. Mirrors linux: kernel/signal.c, sig_task_ignored; kernel/pid_namespace.c,
zap_pid_ns_processes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from sys import intern
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from kubesim.kernel import Cancelled, Event, Kernel, Task, Timer, checkpoint, sleep
from kubesim.userland.files.credentials import Credentials
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.processes.cgroup import BASE_BYTES, Cgroup
from kubesim.userland.processes.cpu_time import CpuTime
from kubesim.userland.processes.executable import Executable
from kubesim.userland.processes.exit_status import ExitStatus, ProcessExit
from kubesim.userland.processes.job_control import release_orphans
from kubesim.userland.processes.limits import NO_LIMITS, Limit
from kubesim.userland.processes.pid_namespace import PidNamespace
from kubesim.userland.processes.shown import Shown
from kubesim.userland.processes.signals import (
    IGNORED_BY_DEFAULT,
    SIGCONT,
    SIGKILL,
    SIGPIPE,
    SIGSEGV,
    STOPPING,
    UNCATCHABLE,
)
from kubesim.userland.processes.uts_namespace import UtsNamespace

if TYPE_CHECKING:
    from kubesim.userland.processes.process_table import ProcessTable

Program: TypeAlias = Callable[["Process"], Awaitable[int]]
"""What runs in a process."""

Handler: TypeAlias = Callable[[int], object] | None
"""Called with the signal's number when it arrives; None ignores it."""

WORK_BYTES = 65536


class _Replaced(BaseException):
    """The program called execve: another takes its place."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program


class Process(Shown):
    """A process. Runtimes use `pid`, `signal`, `wait`, `status` and `kill_tree`; programs use the rest."""

    __slots__ = (
        "_alarm",
        "_cpu",
        "_death",
        "_ended_event",
        "_is_main",
        "_task",
        "cgroup",
        "children",
        "env",
        "executable_path",
        "files",
        "host_pid",
        "is_init",
        "limits",
        "memory_bytes",
        "namespace",
        "network",
        "on_child_end",
        "on_end",
        "parent",
        "pid",
        "started_ns",
        "status",
        "table",
        "uts",
    )

    def __init__(
        self,
        table: ProcessTable,
        *,
        namespace: PidNamespace,
        cgroup: Cgroup,
        argv: list[str],
        env: dict[str, str],
        files: FileView,
        uts: UtsNamespace,
        network: NetworkNamespace,
        is_init: bool = False,
        is_main: bool = False,
        parent: Process | None = None,
    ) -> None:
        super().__init__()
        self.table = table
        self.argv = argv
        self.env = env
        self.files, self.uts, self.network = files, uts, network
        self.is_init, self.parent = is_init, parent
        self.children: list[Process] = []
        self.status: ExitStatus | None = None
        """None while the process lives."""
        self.on_child_end: Callable[[Process], object] | None = None
        self.on_end: Callable[[ExitStatus], object] | None = None
        """Called at the instant of the end, after what was already due: for a runtime, which watches thousands."""
        self.memory_bytes = BASE_BYTES
        self.namespace = namespace
        self.cgroup = cgroup
        self.host_pid = table.host.enter(self)
        self.pid: int = self.host_pid if namespace is table.host else namespace.enter(self)
        """Number in its own pid namespace; `host_pid` is the one on the node."""
        self._is_main = is_main
        self._death: ExitStatus | None = None
        self._alarm: Timer | None = None
        self._ended_event: Event | None = None
        self._task: Task[int] | None = None
        self.started_ns = table.kernel.now_ns
        self.executable_path: str = "" if parent is None else parent.executable_path
        """As it was asked for; "" before the first program."""
        self.enter_groups(parent)
        self._cpu: CpuTime | None = None  # a process that waits by itself needs no account
        self.limits: Mapping[str, Limit] = parent.limits if parent is not None else NO_LIMITS
        files.process = self
        cgroup.add(self)
        if parent is not None:
            parent.children.append(self)

    # -- for runtimes -------------------------------------------------------------------------------------

    @property
    def kernel(self) -> Kernel:
        """The clock it lives by."""
        return self.table.kernel

    @property
    def cpu(self) -> CpuTime:
        """The account of its computing."""
        if self._cpu is None:
            self._cpu = CpuTime(self.table.kernel)
        return self._cpu

    @property
    def hostname(self) -> str:
        """The name of its uts namespace."""
        return self.uts.hostname

    @property
    def credentials(self) -> Credentials:
        """Who it is."""
        return self.files.credentials

    def begin(self, program: Program) -> None:
        """Schedule the first step."""
        name = f"process {self.host_pid} {self.command}"
        self._task = self.kernel.spawn(self._live(program), name=name)
        self._task.watch(self._ended)

    def signal(self, signum: int, *, sender: Process | None = None) -> None:
        """Send a signal. `sender` is None when it comes from the node: only that kills a pid 1 with SIGKILL."""
        if self.status is not None:
            return
        if signum == SIGCONT:
            for held in self.go_on():
                self.signal(held, sender=sender)
        elif self.stopped_by and signum not in UNCATCHABLE and signum:
            self.hold_signal(signum)
            return
        if self.handles(signum) and signum not in UNCATCHABLE:
            handler = self.handlers[signum]
            if handler is not None:
                handler(signum)
            return
        if signum in IGNORED_BY_DEFAULT or signum == 0:
            return
        if self.is_init and (signum not in UNCATCHABLE or (sender is not None and sender.namespace is self.namespace)):
            return
        if signum in STOPPING:
            self.stop(signum)
            return
        self._die(ExitStatus(code=128 + signum, signal=signum))

    def interrupt(self, reason: Cancelled) -> None:
        """Raise something inside the program, where it waits; for a handler of the program itself."""
        if self._death is None and self._task is not None:
            self._task.cancel(reason)

    def check_alive(self) -> None:
        """Go on dying: a program that catches its own interruption calls this, as a death may have come with it."""
        if self._death is not None:
            raise Cancelled("the process dies")

    async def wait(self) -> ExitStatus:
        """Wait for the end."""
        if self.status is None:
            if self._ended_event is None:
                self._ended_event = Event()
            await self._ended_event.wait()
        assert self.status is not None, "the event is set when the status is"
        return self.status

    def kill_tree(self) -> None:
        """SIGKILL from the node to this process and all that descend from it. They end at this instant of time."""
        family: list[Process] = []
        pending = [self]
        while pending:  # no recursion: a chain of children is as long as the container may have processes
            family.append(pending.pop())
            pending.extend(family[-1].children)
        for process in reversed(family):
            process.signal(SIGKILL)

    def die_of_memory(self) -> None:
        """The OOM killer chose this process."""
        self._die(ExitStatus(code=128 + SIGKILL, signal=SIGKILL, is_oom_killed=True))

    def draw_bits(self, count: int) -> int:
        """Random bits from the node's seeded source."""
        return self.table.random.bits(count)

    # -- output ---------------------------------------------------------------------------------------

    async def write(self, fd: int, data: bytes) -> None:
        """Write all of `data`. A pipe that nobody reads kills the process, or is EPIPE if it ignores SIGPIPE."""
        await self.write_to(self.open_file_of(fd), data)

    async def write_to(self, file: OpenFile, data: bytes) -> None:
        """The same to a file that has no descriptor."""
        try:
            rest = file.write_now(data)
            while rest is not None:
                await file.wait_writable()
                rest = file.write_now(rest)
        except FsError as error:
            if error.errno_name == "EPIPE" and not self.handles(SIGPIPE) and not self.is_init:
                self.end_by(SIGPIPE)
            raise

    # -- time, memory, other processes ----------------------------------------------------------------------

    def sleep(self, delay_ns: int) -> Awaitable[None]:
        """Sleep on the kernel's time."""
        return sleep(delay_ns)

    def set_alarm(self, delay_ns: int, act: Callable[[], object]) -> None:
        """Call `act` after so long, in the place of an earlier alarm; not once the process has ended."""
        if self._alarm is not None:
            self.kernel.cancel(self._alarm)
        self._alarm = self.kernel.call_later(delay_ns, act)

    async def step(self) -> None:
        """Called by programs once for each unit of work in a loop; see CpuTime."""
        cpu = self._cpu or self.cpu
        if cpu.is_tick_due():
            await cpu.tick()

    async def work(self, size_bytes: int) -> None:
        """Called by programs that move much at once: a step for each 64 KiB."""
        self.cpu.add_steps(size_bytes // WORK_BYTES)
        await self.step()

    async def grow(self, size_bytes: int) -> None:
        """Take memory. Over the limit of the container its largest process dies, maybe this one, here."""
        self.cgroup.charge(self, size_bytes)
        if self._death is not None:
            await checkpoint()

    def fork(self, program: Program, *, argv: list[str] | None = None, env: dict[str, str] | None = None) -> Process:
        """A child that inherits everything but the handlers; ignored signals stay ignored.

        Its first step runs once the caller waits, so the caller may still arrange its descriptors and directory. Raises
        FsError EAGAIN when the container is full. Mirrors linux: kernel/cgroup/pids.c, pids_can_fork.
        """
        if self.cgroup.is_full:
            raise FsError("EAGAIN")
        child = Process(
            self.table,
            namespace=self.namespace,
            cgroup=self.cgroup,
            argv=self.argv if argv is None else argv,
            env=self.env if env is None else env,
            files=self.files.copy(),
            uts=self.uts,
            network=self.network,
            parent=self,
        )
        child.inherit(self)
        child.keep_ignored_signals(self)
        if argv is None:
            child._name_before_title = self._name_before_title
        child._cpu = self.cpu.fork()
        child.begin(program)
        return child

    def become(self, executable: Executable) -> None:
        """Take on the ids that the set-user-ID bits of a program give: for who forks a child that runs it at once."""
        path = executable.words[0] if executable.words else executable.path
        self.executable_path = intern(self.files.absolute(path))  # many processes run the same ones
        if executable.stat is not None:
            self.files.credentials = self.files.credentials.executing(executable.stat)

    def execute(self, executable: Executable, argv: list[str], env: dict[str, str]) -> NoReturn:
        """Replace the running program; does not return. Raises FsError ENOEXEC for a program that is not emulated."""
        program = self.table.programs.get(executable.program)
        if program is None:
            raise FsError("ENOEXEC", executable.path)
        self.become(executable)
        self.argv = executable.argv(argv)
        self._name_before_title = ""
        self.env = env
        self.keep_ignored_signals(self)
        self.on_child_end = None
        raise _Replaced(program)

    # -- the end --------------------------------------------------------------------------------------------

    async def _live(self, program: Program) -> int:
        while True:
            try:
                return await program(self)
            except _Replaced as replaced:
                program = replaced.program
            except ProcessExit as ended:
                return ended.code

    def end_by(self, signum: int) -> NoReturn:
        """Die of a signal in the middle of what it does, as it was the cause; nothing handles that."""
        self._die(ExitStatus(code=128 + signum, signal=signum))
        raise ProcessExit(128 + signum)

    def _die(self, status: ExitStatus) -> None:
        if self._death is None and self._task is not None:
            self._death = status
            self._task.cancel()

    def _ended(self, task: Task[int]) -> None:
        """The task is done: let go of everything, tell whoever waits."""
        error = task.error
        if self._death is not None:
            self.status = self._death
        elif error is None:
            self.status = ExitStatus(code=task.result() & 0xFF)
        elif isinstance(error, Cancelled):  # by somebody who owns the kernel's tasks
            self.status = ExitStatus(code=128 + SIGKILL, signal=SIGKILL)
        else:  # a stack without end is a segmentation fault; anything else is a mistake of ours and goes on below
            self.status = ExitStatus(code=128 + SIGSEGV, signal=SIGSEGV)
        if self._alarm is not None:
            self.kernel.cancel(self._alarm)
        self.close_all()
        self.leave_session()
        self.table.host.leave(self.host_pid)
        if self.namespace is not self.table.host:
            self.namespace.leave(self.pid)
        self.cgroup.remove(self)
        self._leave_family()
        if self._ended_event is not None:
            self._ended_event.set()
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            self.kernel.call_soon(on_end, self.status)
        self.files.process = None  # they held each other: now both go when nobody holds the process
        if error is not None and not isinstance(error, Cancelled | RecursionError):
            raise error

    def _leave_family(self) -> None:
        """Children go to pid 1, or die with it; a container dies with its first process."""
        parent, self.parent = self.parent, None
        heir = self.namespace.init
        for child in self.children:
            child.parent = heir
            if heir is not None:
                heir.children.append(child)
        orphans, self.children = self.children, []
        release_orphans(self.namespace, orphans)
        if parent is not None:
            parent.children.remove(self)
            parent.cpu.collect(self.cpu)
            if parent.on_child_end is not None:
                parent.on_child_end(self)
        if self.is_init:
            for other in self.namespace.processes():
                other.signal(SIGKILL)
        elif self._is_main:
            for member in self.cgroup.members():
                if isinstance(member, Process):
                    member.signal(SIGKILL)
