"""Files of real images: machine code runs as the emulated program of its name, or not at all."""

import pytest

from kubesim.images.tree import NodeKind, TreeNode, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import ExecError

from .conftest import World

ELF = b"\x7fELF\x02\x01\x01" + bytes(100)


class Huge:
    """A file of which nobody needs more than the beginning."""

    size_bytes = 1 << 40

    def read_at(self, offset: int, size: int) -> bytes:
        assert offset + size < 4096, "only the beginning is needed"
        return ELF[offset : offset + size].ljust(size, b"\0")


def container(world: World) -> FileSystem:
    busybox = file_node(ELF, mode=0o755)
    tree = build_tree(
        [
            ("/bin/busybox", busybox),
            ("/bin/echo", busybox),
            ("/bin/id", symlink_node("busybox")),
            ("/bin/sh", symlink_node("/usr/bin/dash")),
            ("/usr/bin/dash", TreeNode(kind=NodeKind.FILE, mode=0o755, data=Huge())),
            ("/bin/server", file_node(ELF, mode=0o755)),
            ("/bin/data", file_node(ELF, mode=0o644)),
            ("/bin/hello", file_node(b"#!/bin/sh\necho hello $1\n", mode=0o755)),
        ]
    )
    return FileSystem(tree, clock=lambda: world.kernel.now_ns)


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (("echo", "hi"), "hi\n"),
        (("busybox", "echo", "hi"), "hi\n"),
        (("id", "-u"), "0\n"),
        (("sh", "-c", "echo $0; id -u"), "sh\n0\n"),
        (("/usr/bin/dash", "-c", "echo hi"), "hi\n"),
        (("hello", "you"), "hello you\n"),
    ],
)
def test_machine_code_runs_as_the_program_of_its_name(world: World, argv: tuple[str, ...], out: str) -> None:
    command = world.run(*argv, files=container(world))

    assert (command.out, command.code) == (out, 0)


def test_what_has_no_emulated_program_cannot_be_executed(world: World) -> None:
    with pytest.raises(ExecError, match="exec /bin/server: exec format error"):
        world.start("server", files=container(world))


def test_a_file_that_nobody_may_execute_is_no_program(world: World) -> None:
    with pytest.raises(ExecError, match="executable file not found"):
        world.start("data", files=container(world))
