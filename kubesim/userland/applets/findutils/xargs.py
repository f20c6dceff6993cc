"""xargs: words of the input become arguments of a program. Mirrors busybox: findutils/xargs.c."""

from __future__ import annotations

from kubesim.kernel import Event
from kubesim.userland.applets.findutils.xargs_input import XargsInput
from kubesim.userland.applets.spawn import find_executable
from kubesim.userland.applets.text_stream import AppletError, byte_text
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.exit_status import ExitStatus
from kubesim.userland.processes.process_life import Process

_NUMBER_MAX = 2**31 - 1
LINE_BYTES_MAX = 32 * 1024 - 2048
"""Bytes of one command line, where -s does not say otherwise."""

PARALLEL_MAX = 100
"""What -P 0 stands for."""

SOME_FAILED = 123
GAVE_UP = 124
WAS_KILLED = 125
CANNOT_RUN = 126
NOT_FOUND = 127


async def run(process: Process) -> int:
    """0, or what tells how the program ended: 123 and above."""
    options = parse_options(
        process.argv, "trn:s:e::E:px0I:i::P:a:", is_ordered=True, long_names={"no-run-if-empty": "r"}
    )
    try:
        command = options.operands or ["echo"]
        parallel = _number(options, "P", lowest=0)
        if "a" in options:
            process.set_file(0, _argument_file(process, options.values["a"]))
        runner = _Runner(process, 1 if parallel is None else parallel or PARALLEL_MAX)
        is_line = bool(options.flags & {"I", "i"})
        source = XargsInput(
            process,
            process.open_file_of(0),
            is_nul="0" in options,
            is_line=is_line,
            end_word=_end_word(options),
        )
        batches = _Batches(options, command, source)
        try:
            await _run_all(process, options, batches, runner)
        finally:
            await runner.wait_for_room(1)
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    return runner.code


async def _run_all(process: Process, options: Options, batches: _Batches, runner: _Runner) -> None:
    while (words := await batches.next_words()) is not None:
        if "t" in options or "p" in options:
            shown = " ".join(words)
            await process.write(2, shown.encode(errors="surrogateescape") + (b"" if "p" in options else b"\n"))
        if ("p" not in options or await _is_confirmed(process)) and not await runner.run(words):
            return


def _argument_file(process: Process, name: str) -> OpenFile:
    try:
        return process.files.open_read(name)
    except FsError as error:
        raise AppletError(f"can't open '{name}': {error.strerror}") from None


def _end_word(options: Options) -> str | None:
    letter = options.last_of("eE")
    text = options.values.get(letter) if letter else None
    return byte_text(text) if text else None


def _number(options: Options, letter: str, *, lowest: int = 1) -> int | None:
    text = options.values.get(letter)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > _NUMBER_MAX:
        raise AppletError(f"invalid number '{text}'")
    if int(text) < lowest:
        raise AppletError(f"number {text} is not in {lowest}..{_NUMBER_MAX} range")
    return int(text)


async def _is_confirmed(process: Process) -> bool:
    """Ask on the terminal."""
    try:
        terminal = process.files.open_read("/dev/tty").hold()
    except FsError as error:
        raise AppletError(f"can't open '/dev/tty': {error.strerror}") from None
    try:
        await process.write(2, b" ?...")
        answer = await process.read_from(terminal)
    finally:
        terminal.release()
    return answer[:1] in (b"y", b"Y")


class _Batches:
    """The command lines, one after the other."""

    def __init__(self, options: Options, command: list[str], source: XargsInput) -> None:
        size = _number(options, "s")
        self._command = command
        self._source = source
        letter = options.last_of("Ii")
        self._replaced = None if not letter else options.values.get(letter, "{}")
        self._bytes_max = (LINE_BYTES_MAX if size is None else size) - sum(len(word) + 1 for word in command)
        if self._bytes_max <= 0:
            raise AppletError("can't fit single argument within argument list size limit")
        self._words_max = _number(options, "n")
        self._is_run_when_empty = "r" not in options and self._replaced is None

    async def next_words(self) -> list[str] | None:
        """The next command line; None when there is nothing more to run. Raises AppletError."""
        words: list[str] = []
        left = self._bytes_max
        while (word := await self._source.peek()) is not None:
            if len(word) + 1 > left:
                if not words:
                    raise AppletError("argument line too long")
                break
            self._source.take()
            words.append(word.encode("latin-1").decode(errors="surrogateescape"))
            left -= len(word) + 1
            if self._replaced is not None or len(words) == self._words_max:
                break
        if not words and not self._is_run_when_empty:
            return None
        self._is_run_when_empty = False
        if self._replaced is None:
            return [*self._command, *words]
        mark = self._replaced
        return [word.replace(mark, words[0]) if mark else word for word in self._command]


class _Runner:
    """Runs the command lines, some at once. `code` is the exit code so far."""

    def __init__(self, process: Process, parallel_max: int) -> None:
        self.code = 0
        self._process = process
        self._parallel_max = parallel_max
        self._running = 0
        self._is_stopped = False
        self._one_ended = Event()
        self._problems: list[str] = []

    async def run(self, words: list[str]) -> bool:
        """Run one, or start it when others may run beside it; whether to go on."""
        await self.wait_for_room(self._parallel_max)
        if self._is_stopped:
            return False
        try:
            executable, argv = find_executable(self._process, words)
        except FsError as error:
            await self._process.complain(f"{words[0]}: {error.strerror}")
            self.code = NOT_FOUND if error.errno_name == "ENOENT" else CANNOT_RUN
            return False

        async def start(child: Process) -> int:
            child.execute(executable, argv, dict(child.env))

        child = self._process.fork(start, argv=argv)
        self._running += 1

        def ended(status: ExitStatus) -> None:
            self._running -= 1
            self._note(words[0], status)
            self._one_ended.set()

        child.on_end = ended
        if self._parallel_max == 1:
            await self.wait_for_room(1)
        return not self._is_stopped

    async def wait_for_room(self, running_max: int) -> None:
        """Wait until fewer than so many run."""
        while self._running >= running_max:
            self._one_ended.clear()
            await self._one_ended.wait()
        problems, self._problems = self._problems, []
        for problem in problems:
            await self._process.complain(problem)

    def _note(self, name: str, status: ExitStatus) -> None:
        if status.signal is not None:
            self._problems.append(f"'{name}' terminated by signal {status.signal}")
            self.code = WAS_KILLED
            self._is_stopped = True
        elif status.code == 255:
            self._problems.append(f"{name}: exited with status 255; aborting")
            self.code = GAVE_UP
            self._is_stopped = True
        elif status.code:
            self.code = SOME_FAILED
