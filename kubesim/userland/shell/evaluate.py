"""Commands to effects.

Rule 1: a trap runs between commands, so `trap ... TERM; sleep 1` runs it when sleep has ended, as ash does.
Rule 2: the last command of a script or subshell takes the place of the shell where it can (`is_last`), as in ash with
EV_EXIT: `sh -c 'sleep 5'` is one process.
Rule 3: each command is a step of the process, so a loop without end neither stops the world nor its time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.shell import syntax
from kubesim.userland.shell.builtins import BUILTINS, SPECIAL_BUILTINS
from kubesim.userland.shell.control import (
    ERR,
    BuiltinError,
    FunctionReturn,
    LoopJump,
    RedirectionFailed,
    ShellError,
    ShellExit,
)
from kubesim.userland.shell.external import run_program
from kubesim.userland.shell.patterns import matches
from kubesim.userland.shell.quoting import traced
from kubesim.userland.shell.redirect import SavedFiles, redirect
from kubesim.userland.shell.variables import OptionPlace

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

DECLARING_BUILTINS = frozenset(("alias", "export", "readonly", "local"))
"""Their operands of the form NAME=VALUE are expanded as assignments: in one piece."""


class Evaluator:
    """Runs the commands of one shell."""

    __slots__ = ("_shell",)

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def run(self, command: syntax.Command, *, is_last: bool = False) -> int:
        """Run one command, then the traps that are due. The status is in `shell.status` too."""
        shell = self._shell
        status = await _HANDLERS[type(command)](self, command, is_last)
        shell.status = status
        if shell.pending_traps:
            await shell.run_traps()
        return status

    # -- simple commands ----------------------------------------------------------------------------------

    async def _simple(self, command: syntax.Simple, is_last: bool) -> int:
        shell = self._shell
        cpu = shell.process.cpu
        if cpu.is_tick_due():
            await cpu.tick()
            if shell.pending_traps:
                await shell.run_traps()
        shell.line = command.line
        if "n" in shell.options:
            return 0
        shell.substituted_status = 0
        words = list(command.plain_words) if command.plain_words is not None else None
        if words is None:
            declares = command.words[0].plain in DECLARING_BUILTINS
            words = await (shell.expand.declared(command.words) if declares else shell.expand.fields(command.words))
        if not words:
            return await self._checked(await self._assignments_only(command))
        saved = None
        if command.redirections:
            try:
                saved = await redirect(shell, command.redirections)
            except RedirectionFailed:
                if words[0] in SPECIAL_BUILTINS:
                    raise _end_of_script(is_with_user="i" in shell.options) from None
                return await self._checked(1)
        running = self._execute(command, words, saved, is_last=is_last and not shell.traps)
        return await self._checked(await (running if saved is None else self._redirected(saved, running)))

    async def _redirected(self, saved: SavedFiles, running: Coroutine[Any, Any, int]) -> int:
        """Await something with its redirections; what ends the shell is said while they hold."""
        try:
            return await running
        except ShellError as error:
            await self._shell.report(error)
            raise
        finally:
            saved.put_back()

    async def _checked(self, status: int) -> int:
        """A failure that nobody asked about runs the ERR trap, and with `set -e` it ends the shell."""
        shell = self._shell
        if not status or shell.tested_depth:
            return status
        shell.status = status
        if ERR in shell.traps:
            text = shell.traps.pop(ERR)  # not for what fails in it
            await shell.nested(lambda: shell.run_text(text))
            shell.traps.setdefault(ERR, text)
            shell.status = status
        if "e" in shell.options:
            raise ShellExit(status)
        return status

    async def _assignments_only(self, command: syntax.Simple) -> int:
        """A command without a name: its status is that of the last substitution."""
        shell = self._shell
        if command.redirections:
            try:
                saved = await redirect(shell, command.redirections)
            except RedirectionFailed:
                return 1
            saved.put_back()
        shown = []
        for name, word in command.assignments:
            value = await shell.expand.text(word)
            shell.variables.set(name, value)
            shown.append(f"{name}={traced(value)}")
        if "x" in shell.options and shown:
            await self._trace(shown)
        return shell.substituted_status

    async def _execute(
        self, command: syntax.Simple, words: list[str], saved: SavedFiles | None, *, is_last: bool
    ) -> int:
        shell = self._shell
        assigned = [(name, await shell.expand.text(word)) for name, word in command.assignments]
        if "x" in shell.options:
            await self._trace([f"{name}={traced(value)}" for name, value in assigned], words)
        name = words[0]
        if name in SPECIAL_BUILTINS:
            for key, value in assigned:
                shell.variables.set(key, value)
                if name == "exec":
                    shell.variables.export(key)
            if name == "exec" and saved is not None:
                saved.keep()
            return await self.builtin(words, is_special=True)
        function = shell.functions.get(name)
        if function is not None or name in BUILTINS:
            before = self._assign_for_now(assigned)
            try:
                if function is not None:
                    return await self.function(function, words)
                return await self.builtin(words, is_special=False)
            finally:
                for key, value_before, is_exported in before:
                    shell.variables.put_back(key, value_before, is_exported=is_exported)
        for key, _ in assigned:
            shell.variables.check_writable(key)
        env = shell.variables.env()
        if is_last and saved is not None:
            saved.keep()  # the program that takes the place of the shell has them for good
        full = {**env, **dict(assigned)} if assigned else env
        return await run_program(shell, words, full, command=command, is_last=is_last)

    def _assign_for_now(self, assigned: list[tuple[str, str]]) -> list[tuple[str, str | None, bool]]:
        """Assign in front of one command; what to put back afterwards."""
        variables = self._shell.variables
        before = []
        for name, value in assigned:
            before.append((name, variables.get(name), name in variables.exported))
            variables.set(name, value)
            variables.export(name)
        return before

    async def _trace(self, assigned: list[str], words: list[str] | None = None) -> None:
        shell = self._shell
        prefix = await shell.expand.prompt(shell.variables.get("PS4") or "")
        shown = [*assigned, *(traced(word) for word in words or ())]
        await shell.write_error(f"{prefix}{' '.join(shown)}\n")

    async def builtin(self, words: list[str], *, is_special: bool) -> int:
        """Run a builtin. An error of a special one ends the script."""
        shell = self._shell
        try:
            result = (BUILTINS.get(words[0]) or SPECIAL_BUILTINS[words[0]])(shell, words)
            return result if isinstance(result, int) else await result
        except BuiltinError as error:
            await shell.complain(error.message, words[0])
            if not is_special:
                return error.status
            ended = ShellError(error.message, command=words[0], status=error.status)
            ended.is_said = True
            raise ended from None
        except FsError as error:
            if error.errno_name == "EPIPE" or not words:
                raise
            if words[0] == "echo":  # the others of ash only fail
                await shell.write_error(f"{shell.process.name}: write error: {error.strerror}\n")
            return 1

    async def function(self, body: syntax.Command, words: list[str]) -> int:
        """Call a function with its own positional parameters."""
        shell = self._shell
        positional, shell.positional = shell.positional, words[1:]
        loop_depth = shell.loop_depth
        option_place, shell.variables.option_place = shell.variables.option_place, OptionPlace()
        name, shell.function_name = shell.function_name, words[0]
        on_error = shell.traps.pop(ERR, None) if "E" not in shell.options else None
        shell.variables.scopes.append({})
        try:
            return await shell.nested(lambda: self.run(body))
        except FunctionReturn as returned:
            return returned.status
        finally:
            shell.loop_depth = loop_depth
            shell.variables.option_place = option_place
            shell.function_name = name
            if on_error is not None:
                shell.traps.setdefault(ERR, on_error)
            shell.positional = positional
            shell.variables.leave_scope()

    # -- compound commands --------------------------------------------------------------------------------

    async def _sequence(self, command: syntax.Sequence, is_last: bool) -> int:
        status = 0
        last = len(command.commands) - 1
        for number, item in enumerate(command.commands):
            status = await self.run(item, is_last=is_last and number == last)
        return status

    async def _tested(self, command: syntax.Command) -> int:
        """Run a command whose failure is an answer."""
        shell = self._shell
        shell.tested_depth += 1
        try:
            return await self.run(command)
        finally:
            shell.tested_depth -= 1

    async def _and_or(self, command: syntax.AndOr, is_last: bool) -> int:
        last = len(command.rest) - 1
        status = await self._tested(command.first)
        for number, (operator, item) in enumerate(command.rest):
            if (status == 0) == (operator == "&&"):
                if number == last:
                    status = await self.run(item, is_last=is_last)
                else:
                    status = await self._tested(item)
        return status

    async def _pipeline(self, command: syntax.Pipeline, is_last: bool) -> int:
        if command.is_negated:
            if len(command.commands) == 1:
                status = await self._tested(command.commands[0])
            else:
                status = await self._shell.jobs.pipeline(command.commands)
            return int(status == 0)
        del is_last
        return await self._checked(await self._shell.jobs.pipeline(command.commands))

    async def _background(self, command: syntax.Background, is_last: bool) -> int:
        del is_last
        self._shell.jobs.background(command.command)
        return 0

    async def _subshell(self, command: syntax.Subshell, is_last: bool) -> int:
        shell = self._shell
        if is_last and not shell.traps and not command.redirections:
            return await self.run(command.body, is_last=True)
        try:
            saved = await redirect(shell, command.redirections)
        except RedirectionFailed:
            return await self._checked(2)
        try:
            child = shell.jobs.fork(command.body)
            return await self._checked(await shell.jobs.foreground_status(child, command))
        finally:
            saved.put_back()

    async def _group(self, command: syntax.Group, is_last: bool) -> int:
        if not command.redirections:
            return await self.run(command.body, is_last=is_last)
        try:
            saved = await redirect(self._shell, command.redirections)
        except RedirectionFailed:
            return await self._checked(1)
        return await self._redirected(saved, self.run(command.body))

    async def _if(self, command: syntax.If, is_last: bool) -> int:
        for condition, body in command.branches:
            if await self._tested(condition) == 0:
                return await self.run(body, is_last=is_last)
        return 0 if command.otherwise is None else await self.run(command.otherwise, is_last=is_last)

    async def _loop(self, command: syntax.Loop, is_last: bool) -> int:
        del is_last
        shell = self._shell
        status = 0
        shell.loop_depth += 1
        try:
            while True:
                try:
                    if (await self._tested(command.condition) == 0) == command.is_until:
                        return status
                    status = await self.run(command.body)
                except LoopJump as jump:
                    status = 0
                    if self._leaves(jump):
                        return 0
        finally:
            shell.loop_depth -= 1

    async def _for(self, command: syntax.For, is_last: bool) -> int:
        del is_last
        shell = self._shell
        values = list(shell.positional) if command.words is None else await shell.expand.fields(command.words)
        status = 0
        shell.loop_depth += 1
        try:
            for value in values:
                shell.variables.set(command.name, value)
                try:
                    status = await self.run(command.body)
                except LoopJump as jump:
                    status = 0
                    if self._leaves(jump):
                        break
            return status
        finally:
            shell.loop_depth -= 1

    @staticmethod
    def _leaves(jump: LoopJump) -> bool:
        """Whether a jump ends this loop; raises it again when it is for an outer one."""
        if jump.levels > 1:
            raise LoopJump(jump.levels - 1, is_break=jump.is_break)
        return jump.is_break

    async def _case(self, command: syntax.Case, is_last: bool) -> int:
        shell = self._shell
        text = await shell.expand.text(command.word)
        for patterns, body in command.branches:
            for pattern in patterns:
                if matches(await shell.expand.pattern(pattern), text):
                    return 0 if body is None else await self.run(body, is_last=is_last)
        return 0

    async def _function(self, command: syntax.Function, is_last: bool) -> int:
        del is_last
        self._shell.functions[command.name] = command.body
        return 0


_HANDLERS: dict[type, Callable[..., Awaitable[int]]] = {
    syntax.Simple: Evaluator._simple,  # noqa: SLF001 - the table belongs to the class
    syntax.Sequence: Evaluator._sequence,  # noqa: SLF001 - the table belongs to the class
    syntax.AndOr: Evaluator._and_or,  # noqa: SLF001 - the table belongs to the class
    syntax.Pipeline: Evaluator._pipeline,  # noqa: SLF001 - the table belongs to the class
    syntax.Background: Evaluator._background,  # noqa: SLF001 - the table belongs to the class
    syntax.Group: Evaluator._group,  # noqa: SLF001 - the table belongs to the class
    syntax.Subshell: Evaluator._subshell,  # noqa: SLF001 - the table belongs to the class
    syntax.If: Evaluator._if,  # noqa: SLF001 - the table belongs to the class
    syntax.Loop: Evaluator._loop,  # noqa: SLF001 - the table belongs to the class
    syntax.For: Evaluator._for,  # noqa: SLF001 - the table belongs to the class
    syntax.Case: Evaluator._case,  # noqa: SLF001 - the table belongs to the class
    syntax.Function: Evaluator._function,  # noqa: SLF001 - the table belongs to the class
}


def _end_of_script(*, is_with_user: bool) -> ShellError | ShellExit:
    """What a script does not survive, and a shell with a user does; it was said already."""
    if not is_with_user:
        return ShellExit(1)
    error = ShellError("", status=1)
    error.is_said = True
    return error
