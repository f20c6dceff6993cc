"""One shell: its state, its traps, and how it says what went wrong.

A subshell is a new `Shell` in a child process, with a copy of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias

from kubesim.kernel import Event
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.processes.executable import search
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.builtins_state import is_list_of_traps, trap_lines
from kubesim.userland.shell.call_stack import call, on_call_stack
from kubesim.userland.shell.control import ERR, EXIT, FunctionReturn, LoopJump, ShellError, ShellExit
from kubesim.userland.shell.evaluate import Evaluator
from kubesim.userland.shell.expand import Expander
from kubesim.userland.shell.jobs import Jobs
from kubesim.userland.shell.line_editor import History
from kubesim.userland.shell.parser import Parser
from kubesim.userland.shell.syntax import Command, Sequence, ShellSyntaxError
from kubesim.userland.shell.variables import OptionPlace, Variables

SUBSTITUTION_BYTES_MAX = 64 * 1024 * 1024
"""Most that `$(...)` can hold: a limit of ours."""

CALL_DEPTH_MAX = 2000
"""Functions, `eval`s, sourced files and traps that run within each other. Deeper ones end as a stack overflow does:
with SIGSEGV. An ash with a stack of 8 MB comes about three times as deep."""

Running: TypeAlias = Coroutine[Any, Any, int]

OPTION_ORDER = "EubaCvxcsnmiIfe"
"""The order of the letters in `$-`."""


class Shell:
    """The state of a shell. `kind` says where its commands come from: "command" (-c), "stdin" or "file".

    Messages of a "file" name the line; so do those of -c when it is given a name for `$0`.
    """

    def __init__(
        self, process: Process, *, arg0: str, kind: str = "command", variables: Variables | None = None
    ) -> None:
        self.process = process
        self.arg0 = arg0
        self.kind = kind
        self.variables = Variables(process.env) if variables is None else variables
        self.positional: list[str] = []
        self.options: set[str] = set()
        self.functions: dict[str, Command] = {}
        self.aliases: dict[str, str] = {}
        self.function_name = ""
        self.status = 0
        self.line = 0
        self.shell_pid = process.pid
        self.tested_depth = 0
        """Above zero, a failing command is somebody's condition, so `set -e` does not end the shell."""
        self.trap_status: int | None = None
        """The status from before the trap that runs now."""
        self.substituted_status = 0
        """Of the last substitution in the present command."""
        self.loop_depth = 0
        self.call_depth = 0
        self.traps: dict[int, str] = {}
        self.pending_traps: list[int] = []
        self.context = ""
        """What messages name besides the shell: `eval`, or a sourced file."""
        self.has_lines = kind == "file"
        self.wakeup = Event()
        """Set when a signal with a trap arrives or a child ends: what `wait` waits for."""
        self.found_commands: dict[str, str] = {}
        self.jobs = Jobs(self)
        self.expand = Expander(self)
        self.evaluate = Evaluator(self)
        self.own_signals: frozenset[int] = frozenset()
        """What this shell, but not its children, treats in its own way because somebody sits before it."""
        self.history = History()
        process.on_child_end = process.on_child_stop = self.jobs.child_changed

    def subshell(self, process: Process) -> Shell:
        """The same shell in a child process. Traps are reset, but what is ignored stays so."""
        other = Shell(process, arg0=self.arg0, kind=self.kind, variables=self.variables.copy())
        other.has_lines = self.has_lines
        other.context = self.context
        other.positional = self.positional
        other.options = set(self.options)
        other.functions = dict(self.functions)
        other.aliases = dict(self.aliases)
        other.function_name = self.function_name
        other.compute_variables(self.variables.computed)
        other.status = self.status
        other.line = self.line
        other.shell_pid = self.shell_pid
        other.tested_depth = self.tested_depth
        other.call_depth = self.call_depth
        other.found_commands = dict(self.found_commands)
        other.traps = {signum: "" for signum, text in self.traps.items() if not text}
        other.jobs.last_pid = self.jobs.last_pid
        return other

    def settle(self) -> None:
        """Begin the next command of a user afresh, after one that ended in the middle."""
        self.tested_depth = self.loop_depth = self.call_depth = 0
        self.context = ""

    def compute_variables(self, names: Iterable[str]) -> None:
        """Let these of LINENO, RANDOM and FUNCNAME have the value that this shell has for them."""
        computed = {"LINENO": self._line_text, "RANDOM": self._random_text, "FUNCNAME": self._function_text}
        self.variables.computed = {name: computed[name] for name in names}

    def _line_text(self) -> str:
        return str(self.line)

    def _function_text(self) -> str:
        return self.function_name

    def _random_text(self) -> str:
        """Numbers below 32768; the same after the same assignment."""
        state = self.variables.random_state or self.process.draw_bits(32)
        self.variables.random_state = state = (state * 1_664_525 + 1_013_904_223) % 2**32
        return str(state >> 17)

    def set_positional(self, values: list[str]) -> None:
        """Other positional parameters; `getopts` begins anew with them."""
        self.positional = values
        self.variables.option_place = OptionPlace()

    # -- parameters ---------------------------------------------------------------------------------------

    def parameter(self, name: str) -> str | None:
        """The value of a parameter; None when it is not set."""
        value = self.variables.values.get(name)
        if value is not None:
            return value
        if name[0].isalpha() or name[0] == "_":
            return self.variables.get(name)
        if name.isdecimal():
            number = int(name) if len(name) < 9 else len(self.positional) + 1
            if number == 0:
                return self.arg0
            return self.positional[number - 1] if number <= len(self.positional) else None
        match name:
            case "?":
                return str(self.status)
            case "#":
                return str(len(self.positional))
            case "$":
                return str(self.shell_pid)
            case "!":
                return str(self.jobs.last_pid) if self.jobs.last_pid else None
            case "-":
                own = {"command": "c", "stdin": "s"}.get(self.kind, "")
                return "".join(letter for letter in OPTION_ORDER if letter in self.options or letter == own)
            case "@" | "*":
                return " ".join(self.positional) if self.positional else None
        return None

    def find_command(self, name: str) -> str | None:
        """The path of a program; found ones are remembered until PATH or the directory changes."""
        path_variable = self.variables.values.get("PATH", "")
        key = f"{path_variable}\0{self.process.files.cwd}\0{name}"
        path = self.found_commands.get(key)
        if path is None:
            path = search(self.process.files, name, path_variable)
            if path is not None:
                self.found_commands[key] = path
        return path

    # -- saying things ------------------------------------------------------------------------------------

    async def complain(self, message: str, command: str = "") -> None:
        """Write an error as ash words it: with the line number for builtins and in script files."""
        command = command or self.context
        has_line = (command or self.has_lines) and "i" not in self.options
        line = f"line {self.line}: " if has_line else ""
        await self.write_error(f"{self.arg0}: {command + ': ' if command else ''}{line}{message}\n")

    async def report(self, error: ShellError) -> None:
        """Write an error, once: where standard error goes at the place that it comes from."""
        if not error.is_said:
            error.is_said = True
            await self.complain(error.message, error.command)

    async def write_error(self, text: str) -> None:
        """Write to standard error; one that takes nothing is no reason to fail."""
        try:
            await self.process.write(2, text.encode(errors="surrogateescape"))
        except FsError:
            return

    # -- running ------------------------------------------------------------------------------------------

    async def live(self, run: Callable[[], Running]) -> int:
        """Run a shell to its end, EXIT trap included; the exit code."""
        status = await self._ended(run)
        while EXIT in self.traps:
            text = self.traps.pop(EXIT)
            self.status = status
            status = await self._ended(lambda: self._exit_trap(text))  # noqa: B023 - awaited before the loop goes on
        return status & 0xFF

    async def _exit_trap(self, text: str) -> int:
        status = self.trap_status = self.status
        await self.run_text(text)
        return status

    async def _ended(self, run: Callable[[], Running]) -> int:
        try:
            return await on_call_stack(run())
        except ShellExit as ended:
            return ended.status
        except FunctionReturn as returned:
            return returned.status
        except LoopJump:
            return 0
        except ShellError as error:
            await self.report(error)
            return error.status

    async def nested(self, run: Callable[[], Running]) -> int:
        """Await something that a script can nest without end. Raises RecursionError."""
        if self.call_depth >= CALL_DEPTH_MAX:
            raise RecursionError("the stack of a shell")
        self.call_depth += 1
        try:
            return await call(run())
        finally:
            self.call_depth -= 1

    async def run_text(
        self, text: str, *, is_last: bool = False, line: int | None = None, is_input: bool = False
    ) -> int:
        """Run a script, command by command: what comes before a syntax error has run when it is found.

        `is_input`: it is a file, whose lines `set -v` shows as they are read.
        """
        parser = Parser(text, line=self.line if line is None else line, aliases=self.aliases)
        status = 0
        while True:
            start, is_shown = parser.lexer.position, is_input and "v" in self.options
            try:
                tree = parser.next_command()
            except ShellSyntaxError as error:
                self.line = error.line
                raise ShellError(f"syntax error: {error.message}", command=self.context) from None
            if is_shown:
                await self.write_error(parser.lexer.text[start : parser.lexer.position])
            if tree is None:
                return status
            if "n" not in self.options:
                status = await self.evaluate.run(tree, is_last=is_last and parser.is_at_end)

    async def substitute(self, body: Sequence) -> str:
        """The output of commands, without the newlines at its end. Raises ShellError when it is far too long."""
        if not body.commands:
            self.status = self.substituted_status = 0
            return ""
        if len(body.commands) == 1 and is_list_of_traps(body.commands[0]):
            # A subshell has no traps of its own, but `$(trap)` tells those of the shell. Mirrors ash: forkchild.
            self.status = self.substituted_status = 0
            return trap_lines(self).rstrip("\n")
        reader, writer = Pipe().ends()
        child = self.jobs.fork(body, has_errexit=False)
        child.set_file(1, writer)
        reader.hold()
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := await self.process.read_from(reader):
                size += len(chunk)
                if size > SUBSTITUTION_BYTES_MAX:
                    raise ShellError("out of memory")
                chunks.append(chunk)
        finally:
            reader.release()
        self.status = self.substituted_status = await self.jobs.wait_for(child)
        data = b"".join(chunks).replace(b"\0", b"")
        return data.rstrip(b"\n").decode(errors="surrogateescape")

    # -- traps --------------------------------------------------------------------------------------------

    def set_trap(self, signum: int, text: str | None) -> None:
        """What happens at a signal: `text` runs, "" ignores it, None is the default again."""
        if text is None:
            self.traps.pop(signum, None)
            self.process.handlers.pop(signum, None)
            return
        if signum not in (EXIT, ERR) and signum not in self.traps and self.process.handlers.get(signum, True) is None:
            return  # what was ignored when the shell began cannot be trapped
        self.traps[signum] = text
        if signum not in (EXIT, ERR):
            self.process.handlers[signum] = self._signal_arrived if text else None

    def _signal_arrived(self, signum: int) -> None:
        if signum not in self.pending_traps:
            self.pending_traps.append(signum)
        self.wakeup.set()
        self.process.cpu.interrupt()

    async def run_traps(self) -> None:
        """Run the traps of the signals that arrived, after the command that was running then."""
        status = self.status
        while self.pending_traps:
            text = self.traps.get(self.pending_traps.pop(0))
            if text:
                outer, self.trap_status = self.trap_status, status
                await self.nested(lambda: self.run_text(text))  # noqa: B023 - awaited before the loop goes on
                self.trap_status = outer
                self.status = status
