"""A node with one image, and commands to start in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kubesim.images.tree import FileTree, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.kernel import Kernel
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.processes.process import ROOT, Credentials, OpenFile, Process, ProcessSpec, ProcessTable

SECOND = 1_000_000_000

PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\n"
    b"user-defined-in-image:x:1000:1000::/home/user:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
)
GROUP = (
    b"root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\nnobody:x:65534:\n"
)


def image() -> FileTree:
    """Busybox with a few files around it."""
    return build_tree(
        [
            *((f"/bin/{name}", file_node(mode=0o755, program=f"busybox:{name}")) for name in APPLETS),
            ("/bin/busybox", file_node(mode=0o755, program="busybox")),
            ("/bin/plain-id", file_node(mode=0o755, program="numeric-id")),
            ("/bin/strange", file_node(mode=0o755, program="nobody-wrote-this")),
            ("/pause", file_node(mode=0o755, program="pause")),
            ("/agnhost", file_node(mode=0o755, program="agnhost")),
            ("/usr/sbin/nginx", file_node(mode=0o755, program="nginx")),
            ("/usr/local/apache2/bin/httpd", file_node(mode=0o755, program="apache")),
            ("/usr/local/apache2/htdocs/index.html", file_node(b"<html><body><h1>It works!</h1></body></html>\n")),
            ("/usr/local/apache2/logs", directory_node()),
            ("/usr/share/nginx/html/index.html", file_node(b"<h1>Welcome to nginx!</h1>\n")),
            ("/var/run", directory_node()),
            ("/echoserver", file_node(mode=0o755, program="echoserver")),
            ("/etc/passwd", file_node(PASSWD)),
            ("/etc/group", file_node(GROUP)),
            ("/etc/secret", file_node(b"s3cret\n", mode=0o600)),
            ("/data/link", symlink_node("/etc/group")),
            ("/data/plain", file_node(b"text\n", mode=0o644)),
            ("/data/script", file_node(b"#!/bin/sh -e\necho script $0 $1\n", mode=0o755)),
            ("/data/binary", file_node(b"\x7fELF", mode=0o755)),
            ("/home/user", directory_node(uid=1000, gid=1000)),
            ("/root", directory_node(mode=0o700)),
            ("/tmp", directory_node(mode=0o1777)),
        ]
    )


@dataclass(slots=True, kw_only=True)
class Command:
    """A process and what it has written so far."""

    process: Process
    stdout: list[bytes] = field(default_factory=list)
    stderr: list[bytes] = field(default_factory=list)

    @property
    def out(self) -> str:
        """Standard output as text."""
        return b"".join(self.stdout).decode()

    @property
    def err(self) -> str:
        """Standard error as text."""
        return b"".join(self.stderr).decode()

    @property
    def code(self) -> int | None:
        """Exit code, None while it runs."""
        return None if self.process.status is None else self.process.status.code


class World:
    """A kernel, a process table and a container's file system."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed=1)
        self.table = ProcessTable(self.kernel)
        self.files = self.container()

    def container(self, **options: Any) -> FileSystem:
        """A file system of the image, with options of FileSystem."""
        return FileSystem(image(), clock=lambda: self.kernel.now_ns, **options)

    def start(
        self,
        *argv: str,
        files: FileSystem | None = None,
        who: Credentials = ROOT,
        env: tuple[tuple[str, str], ...] = (("PATH", "/bin"),),
        cwd: str = "/",
        is_init: bool = False,
        stdin: OpenFile | None = None,
        memory_limit_bytes: int | None = None,
        is_oom_group: bool = False,
        hostname: str = "pod-0",
        inside: Process | None = None,
        shares_pids_with: Process | None = None,
        network: NetworkNamespace | None = None,
    ) -> Command:
        """Start a command without letting time pass."""
        stdout: list[bytes] = []
        stderr: list[bytes] = []
        spec = ProcessSpec(
            argv=argv,
            env=env,
            cwd=cwd,
            credentials=who,
            is_init=is_init,
            stdin=stdin,
            stdout=stdout.append,
            stderr=stderr.append,
            memory_limit_bytes=memory_limit_bytes,
            is_oom_group=is_oom_group,
        )
        process = self.table.start(
            files or self.files,
            spec,
            hostname=hostname,
            inside=inside,
            shares_pids_with=shares_pids_with,
            network=network,
        )
        return Command(process=process, stdout=stdout, stderr=stderr)

    def run(self, *argv: str, seconds: float = 60, **options: Any) -> Command:
        """Start a command and let time pass until it has ended, at most `seconds`."""
        command = self.start(*argv, **options)
        end_ns = self.kernel.now_ns + int(seconds * SECOND)
        self.kernel.run_until(end_ns, goal=lambda: command.process.status is not None)
        return command

    def sh(self, script: str, **options: Any) -> Command:
        """Run a script."""
        return self.run("sh", "-c", script, **options)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.kernel.run_until(self.kernel.now_ns + int(seconds * SECOND))


@pytest.fixture
def world() -> World:
    """A node with nothing running."""
    return World()
