"""A shell with a user: prompts, lines that are edited, and errors that do not end it.

Rule 1: ^C while a line is typed forgets the line; while the shell itself works, the work. What runs in the foreground
gets the signal itself, as a process group with job control.
Rule 2: news of jobs are told before a prompt, never in the middle.

Mirrors busybox: shell/ash.c, cmdloop, preadfd, setinteractive.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.signals import SIGINT, SIGQUIT, SIGTERM
from kubesim.userland.shell.completion import complete
from kubesim.userland.shell.control import FunctionReturn, Interrupted, LoopJump, ShellError, ShellExit
from kubesim.userland.shell.line_editor import LineEditor
from kubesim.userland.shell.parser import Parser
from kubesim.userland.shell.prompt import prompt_text, unexpanded
from kubesim.userland.shell.syntax import Command, ShellSyntaxError

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Process
    from kubesim.userland.shell.shell import Shell
    from kubesim.userland.terminals.terminal import Terminal

INTERRUPTED = 128 + SIGINT

_RAW = ("-icanon", "-echo", "-isig")


class InteractiveShell:
    """The conversation of one shell with its user."""

    def __init__(self, shell: Shell, terminal: Terminal | None) -> None:
        self._shell = shell
        self._terminal = terminal
        self._keys = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        """Read and not run yet."""
        self._line = 1
        self._warning = 0
        """2 when the user has just been told of stopped jobs, 1 for one more command; at 0 who goes is told again."""

    async def run(self) -> int:
        """Run commands until the user leaves; the status."""
        shell = self._shell
        shell.own_signals = shell.own_signals | {SIGINT, SIGQUIT, SIGTERM}
        handlers = shell.process.handlers
        handlers[SIGQUIT] = handlers[SIGTERM] = None
        handlers[SIGINT] = lambda _: shell.process.interrupt(Interrupted("^C"))
        while True:
            try:
                tree = await self._next_command()
                if tree is None and not await self._may_leave():
                    continue
                if tree is None:
                    await shell.write_error("\n")
                    return shell.status
                self._warning = 1 if self._warning == 2 else 0
                await shell.evaluate.run(tree)
            except Interrupted:
                shell.process.check_alive()
                await self._interrupted()
            except FunctionReturn as left:  # outside of a function that is the end
                return left.status
            except LoopJump:
                continue
            except ShellError as error:
                shell.status = error.status
                self._text = ""
                await shell.report(error)
            except ShellExit as left:
                if await self._may_leave():
                    return left.status
            shell.settle()

    async def _interrupted(self) -> None:
        shell = self._shell
        shell.status = INTERRUPTED
        self._text = ""
        await shell.write_error("\n")

    async def _may_leave(self) -> bool:
        """Whether the user may go: who has stopped jobs is told so, once."""
        if not self._shell.jobs.has_stopped or self._warning:
            return True
        self._warning = 2
        await self._shell.write_error("You have stopped jobs.\n")
        return False

    async def _next_command(self) -> Command | None:
        """The next command; None at the end of the input. Raises ShellError for what is none."""
        shell = self._shell
        while True:
            parser = Parser(self._text, line=self._line, aliases=shell.aliases)
            is_complete = False
            missing = "unexpected end of file"
            try:
                tree = parser.next_command()
                is_complete = not (parser.is_at_end or parser.lexer.has_open_document)
            except ShellSyntaxError as error:
                if not error.is_incomplete:
                    raise ShellError(f"syntax error: {error.message}") from None
                missing = error.message
            if is_complete and tree is not None:
                self._text = parser.lexer.text[parser.lexer.position :]
                self._line = parser.lexer.line
                return tree
            is_first = not self._text.strip()
            if is_first:
                self._text = ""
                for line in shell.jobs.news() if shell.jobs.has_control else ():
                    await shell.write_error(line)
            line_text = await self._read_line("PS1" if is_first else "PS2")
            if line_text is None:
                if is_first:
                    return None
                self._text = ""
                raise ShellError(f"syntax error: {missing}")
            self._text += f"{line_text}\n"

    async def _read_line(self, prompt_name: str) -> str | None:
        """A line without its end; None at the end of the input. Raises Interrupted."""
        shell = self._shell
        prompt = prompt_text(shell, await shell.expand.prompt(unexpanded(shell.variables.get(prompt_name) or "")))
        terminal = self._terminal
        if terminal is None or "echo" not in terminal.settings:
            return await self._read_plain(prompt)
        editor = LineEditor(
            prompt, columns=terminal.columns, history=shell.history, complete=lambda t: complete(shell, t)
        )
        before = terminal.settings
        terminal.settings = before.with_modes(*_RAW)
        try:
            keys, self._keys = self._keys, ""
            while (outcome := editor.feed(keys)) is None:
                await self._show(editor)
                data = await shell.process.read(0)
                if not data:
                    return None
                keys = self._decoder.decode(data)
            await self._show(editor)
        finally:
            terminal.settings = before
        self._keys = editor.rest
        if outcome == "end":
            return None
        if outcome == "interrupted":
            await self._interrupt_typed()
        shell.history.add(editor.text)
        return editor.text

    async def _interrupt_typed(self) -> None:
        """^C at the prompt: the trap of SIGINT runs, or the line is forgotten."""
        shell = self._shell
        if not shell.traps.get(SIGINT):
            raise Interrupted("^C")
        shell.pending_traps.append(SIGINT)
        await shell.run_traps()
        raise LoopJump(1, is_break=False)

    async def _read_plain(self, prompt: str) -> str | None:
        """A line without editing: from a terminal that does not echo, or from no terminal at all."""
        process = self._shell.process
        await process.say(prompt)
        while "\n" not in self._keys:
            data = await process.read(0, 1 if self._terminal is None else 4096)
            if not data:
                rest, self._keys = self._keys, ""
                return rest or None
            self._keys += self._decoder.decode(data)
        line, _, self._keys = self._keys.partition("\n")
        return line

    async def _show(self, editor: LineEditor) -> None:
        output, editor.output = editor.output, ""
        if output:
            await self._shell.process.write(1, output.encode(errors="surrogateescape"))


def terminal_of(process: Process, fd: int) -> Terminal | None:
    """The terminal that a descriptor is, if it is one."""
    try:
        return process.open_file_of(fd).terminal
    except FsError:
        return None
