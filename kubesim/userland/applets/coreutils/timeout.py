"""timeout, nohup: run a program within a time, or past the end of its terminal."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.sleep import duration_ns
from kubesim.userland.applets.spawn import find_executable
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import NullFile
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS, SIGKILL, SIGTERM, number_of

SECOND_NS = 1_000_000_000
NOHUP_OUT = "nohup.out"


async def run(process: Process) -> int:
    """Become the program, and get a signal when the time is over. Mirrors busybox: coreutils/timeout.c.

    The exit code is the program's, or that of its death: 143 after SIGTERM.
    """
    options = parse_options(process.argv, "s:k:", is_ordered=True)
    signum = SIGTERM
    if "s" in options:
        found = number_of(options.values["s"])
        if found is None:
            await process.complain(f"unknown signal '{options.values['s']}'")
            return 1
        signum = found
    delays_ns = []
    for text in (options.values.get("k", "0"), *options.operands[:1]):
        delay_ns = duration_ns(text)
        if delay_ns is None:
            await process.complain(f"invalid number '{text}'")
            return 1
        delays_ns.append(delay_ns)
    if len(options.operands) < 2:
        raise UsageError
    kill_ns, delay_ns = delays_ns

    def end() -> None:
        if kill_ns:
            process.set_alarm(_whole_ns(kill_ns), lambda: process.signal(SIGKILL, sender=process))
        process.signal(signum, sender=process)

    process.set_alarm(_whole_ns(delay_ns), end)
    return await _become(process, options.operands[1:])


def _whole_ns(delay_ns: int) -> int:
    """It counts whole seconds, and the first one always."""
    return max(delay_ns // SECOND_NS, 1) * SECOND_NS


async def run_nohup(process: Process) -> int:
    """Become the program, deaf to SIGHUP; what would go to a terminal goes to a file. Mirrors coreutils/nohup.c."""
    words = process.argv[1:]
    if not words:
        raise UsageError
    process.handlers[NUMBERS["HUP"]] = None
    if process.open_file_of(0).is_terminal:
        process.set_file(0, NullFile())
    if process.open_file_of(1).is_terminal:
        name = NOHUP_OUT
        try:
            file = process.files.open_write(name, is_append=True, mode=0o600)
        except FsError:
            name = f"{process.env.get('HOME', '')}/{NOHUP_OUT}"
            try:
                file = process.files.open_write(name, is_append=True, mode=0o600)
            except FsError as error:
                await process.complain(f"can't open '{name}': {error.strerror}")
                return 127
        process.set_file(1, file)
        await process.complain(f"appending output to {name}")
    if process.open_file_of(2).is_terminal:
        process.set_file(2, process.open_file_of(1))
    return await _become(process, words)


async def _become(process: Process, words: list[str]) -> int:
    try:
        executable, argv = find_executable(process, words)
        process.execute(executable, argv, process.env)
    except FsError as error:
        await process.complain(f"can't execute '{words[0]}': {error.strerror}")
        return 127 if error.errno_name == "ENOENT" else 126
