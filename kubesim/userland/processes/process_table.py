"""The processes of a node, and how a runtime starts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from kubesim.kernel import Kernel
from kubesim.userland.files.credentials import Credentials
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.open_file import NullFile, OpenFile, Sink, SinkFile
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.processes.cgroup import NODE_BYTES, Cgroup
from kubesim.userland.processes.executable import ExecError
from kubesim.userland.processes.first_look import FirstLook, first_look
from kubesim.userland.processes.pid_namespace import PidNamespace
from kubesim.userland.processes.process_life import Process, Program
from kubesim.userland.processes.uts_namespace import UtsNamespace
from kubesim.userland.terminals.terminal import Terminal

HOST_PID_FIRST = 1000


def discard(data: bytes) -> None:
    """Where output goes that nobody wants."""


class ProcessSpec(Struct, frozen=True, kw_only=True):
    """A process as a runtime asks for it."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    """Names and values; of a name that comes twice the last value counts. PATH is where argv[0] is searched."""
    cwd: str = "/"
    credentials: Credentials
    is_init: bool = False
    """Pid 1 of a pid namespace of its own: signals without a handler do not reach it, and all others end with it."""
    stdout: Sink | OpenFile = discard
    stderr: Sink | OpenFile = discard
    """What descriptors 1 and 2 write to: a function that takes everything, or an open file that may make wait."""
    on_output_closed: Callable[[], object] | None = None
    """Called for a stdout that is a function, and again for such a stderr, once no process holds it any more."""
    stdin: OpenFile | None = None
    """What descriptor 0 reads; None is /dev/null. See open_file.BytesFile and pipe.Pipe."""
    terminal: Terminal | None = None
    """Its streams in place of those three; it controls the session that the process leads."""
    memory_limit_bytes: int | None = None
    """Of the container; counts for its first process, others are started `inside`. None for no limit of its own."""
    is_oom_group: bool = False
    """memory.oom.group of the container: an OOM kill takes all of its processes."""
    umask: int = 0o022


def _output(target: Sink | OpenFile, spec: ProcessSpec) -> OpenFile:
    return target if isinstance(target, OpenFile) else SinkFile(target, spec.on_output_closed)


class ProcessTable:
    """All emulated processes of one node. `programs` is what there is to run, by the name that images use."""

    def __init__(
        self,
        kernel: Kernel,
        programs: Mapping[str, Program] | None = None,
        *,
        hostname: str = "localhost",
        network: NodeNetwork | None = None,
    ) -> None:
        if programs is None:
            # The programs are written against this room's processes, so they are not imported at its start.
            from kubesim.userland.programs import PROGRAMS

            programs = PROGRAMS
        self.kernel = kernel
        self.programs = programs
        self.host = PidNamespace(first_pid=HOST_PID_FIRST)
        self.uts = UtsNamespace(hostname)
        """The node's own."""
        self.cgroup = Cgroup(limit_bytes=NODE_BYTES)
        self.random = kernel.random.fork("userland")
        self.network = network or NodeNetwork()

    def start(
        self,
        filesystem: FileSystem,
        spec: ProcessSpec,
        *,
        hostname: str,
        uts: UtsNamespace | None = None,
        inside: Process | None = None,
        shares_pids_with: Process | None = None,
        network: NetworkNamespace | None = None,
        look: FirstLook | None = None,
    ) -> Process:
        """Start a process of a container. Its first step runs at the present instant, after this returns.

        `inside` is the container's first process when this is an exec: the new one enters its pid namespace and its
        cgroup. `shares_pids_with` gives the pid namespace alone: the pod's pause process, when the pod shares one. With
        neither, and not `is_init`, the process is one of the host. `uts` is the uts namespace that it shares; without
        one, and not `inside`, it has a new one called `hostname`. `network` is the pod's network namespace; without it
        that of `inside`, or else the node's. `look` is what the same start has found in the same files before: they are
        not looked into then. Raises ExecError when argv[0] cannot run, and FsError when the working directory cannot be
        entered; nothing is left behind then.
        """
        if inside is not None and inside.status is not None:
            raise ExecError("stopped", spec.argv[0] if spec.argv else "", "cannot exec in a stopped container")
        env = dict(spec.env)
        files = FileView(filesystem, spec.credentials, umask=spec.umask)
        if look is None:
            if inside is None:
                filesystem.make_directories(spec.cwd)
            look = first_look(files, spec.argv, env, cwd=spec.cwd)
        files.cwd = look.directory
        if not env.get("HOME"):
            env["HOME"] = look.home
        executable = look.executable
        program = self.programs.get(executable.program)
        if program is None:
            raise ExecError("not-emulated", spec.argv[0], f'program "{executable.program}" is not emulated')
        process = Process(
            self,
            namespace=self._namespace(spec, inside or shares_pids_with),
            cgroup=inside.cgroup if inside is not None else self._cgroup(spec),
            argv=executable.argv(list(spec.argv)),
            env=env,
            files=files,
            uts=uts or (inside.uts if inside is not None else UtsNamespace(hostname)),
            network=network or (inside.network if inside is not None else self.network.node),
            is_init=spec.is_init,
            is_main=inside is None,
        )
        process.become(executable)
        if spec.terminal is not None:
            self._give_terminal(process, spec.terminal, filesystem, is_console=inside is None)
        else:
            process.set_file(0, spec.stdin or NullFile())
            process.set_file(1, _output(spec.stdout, spec))
            process.set_file(2, _output(spec.stderr, spec))
        process.begin(program)
        return process

    @staticmethod
    def _give_terminal(process: Process, terminal: Terminal, filesystem: FileSystem, *, is_console: bool) -> None:
        """Three descriptors of a terminal, which is in /dev as long as anybody has it open."""
        filesystem.dev.add_terminal(terminal, is_console=is_console)
        terminal.on_closed = lambda: filesystem.dev.take_terminal(terminal)
        terminal.control(process)
        file = terminal.open()
        for fd in (0, 1, 2):
            process.set_file(fd, file)

    def processes(self) -> list[Process]:
        """Every process that has not ended, oldest first."""
        return self.host.processes()

    def _namespace(self, spec: ProcessSpec, other: Process | None) -> PidNamespace:
        if spec.is_init:
            return PidNamespace(first_pid=1)
        return self.host if other is None else other.namespace

    def _cgroup(self, spec: ProcessSpec) -> Cgroup:
        return Cgroup(limit_bytes=spec.memory_limit_bytes, parent=self.cgroup, is_oom_group=spec.is_oom_group)
