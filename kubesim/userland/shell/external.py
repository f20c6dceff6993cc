"""Programs: the commands of a script that are neither functions nor part of the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.executable import Executable, executable_at, is_refused
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.syntax import Command, Literal, Simple, Word

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


async def run_program(
    shell: Shell, words: list[str], env: dict[str, str], *, command: Command | None = None, is_last: bool = False
) -> int:
    """Run a program, in the place of the shell when nothing comes after it. `command` is what `jobs` shows."""
    command = command or Simple((), tuple(Word.of([Literal(word, is_quoted=False)]) for word in words), (), shell.line)
    executable, status = await find_program(shell, words[0])
    if executable is None:
        return status
    process = shell.process
    if not executable.program:
        return await _run_script(shell, executable, words, env, command)
    program = process.table.programs.get(executable.program)
    if program is None:
        await shell.complain(f'{words[0]}: program "{executable.program}" is not emulated')
        return 126
    if is_last:
        process.execute(executable, words, env)
    child = shell.jobs.fork_program(program, argv=executable.argv(words), env=env)
    child.become(executable)
    return await shell.jobs.foreground_status(child, command)


async def find_program(shell: Shell, name: str, command: str = "") -> tuple[Executable | None, int]:
    """What a command runs; None and 127 or 126 once the reason was said."""
    path = name if "/" in name else shell.find_command(name)
    if path is None:
        # A shell that found something unfit on its way goes on looking, and names that in the end.
        if is_refused(shell.process.files, name, shell.variables.values.get("PATH", "")):
            await shell.complain(f"{name}: Permission denied", command)
            return None, 126
        await shell.complain(f"{name}: not found", command)
        return None, 127
    try:
        return executable_at(shell.process.files, path), 0
    except FsError as error:
        if error.errno_name == "ENOEXEC":
            return Executable(path=path, program=""), 0
        is_missing = error.errno_name in ("ENOENT", "ENOTDIR")
        await shell.complain(f"{name}: {'not found' if is_missing else error.strerror}", command)
        return None, 127 if is_missing else 126


async def _run_script(
    shell: Shell, executable: Executable, words: list[str], env: dict[str, str], command: Command
) -> int:
    """A file that is no program: the shell takes it for a script, as POSIX asks."""

    async def run(process: Process) -> int:
        inner = shell.subshell(process)
        inner.kind, inner.arg0, inner.positional = "file", executable.path, words[1:]
        try:
            text = process.files.read(executable.path).decode(errors="surrogateescape")
        except FsError as error:
            await inner.complain(f"can't open {executable.path}: {error.strerror}")
            return 126
        return await inner.live(lambda: inner.run_text(text, line=1, is_input=True))

    child = shell.jobs.fork_program(run, argv=words, env=env)
    return await shell.jobs.foreground_status(child, command)
