"""nc: bytes between a connection and standard input and output.

Mirrors busybox: networking/nc.c, nc_main.
"""

from __future__ import annotations

from kubesim.kernel import TaskGroup, timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import ANY_IPV6, SocketAddress
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.network.sockets import close_descriptor, connect, listen, take_descriptor
from kubesim.userland.network.stream import Stream
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.executable import executable_at, search
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process, Program

_SECOND = 1_000_000_000
PORT_MAX = 65535


async def run(process: Process) -> int:
    """Connect, or with -l wait for one connection, and copy until the far end has sent everything.

    With -e a program takes the place of nc, the connection as its input and output; with -ll there is one such program
    for each connection.
    """
    command: list[str] | None = None
    argv = process.argv
    if "-e" in argv:
        # The program's own options are none of nc's.
        place = argv.index("-e")
        command, argv = argv[place + 1 :], argv[:place]
        if not command:
            raise UsageError("option requires an argument -- 'e'")
    options = parse_options(argv, "lp:w:i:")
    is_server = "l" in options
    if len(options.operands) != 2 and not (is_server and not options.operands):
        raise UsageError
    patience_ns = await _seconds(process, options, "w")
    pause_ns = await _seconds(process, options, "i") or 0
    local_port = await _port(process, options.values["p"]) if "p" in options else 0
    try:
        if is_server:
            return await _serve(process, local_port, patience_ns, pause_ns, command, is_forever=_count(argv, "l") > 1)
        stream = await _call(process, options, local_port, patience_ns)
    except TimeoutError:
        await process.complain("timed out")
        return 1
    return await _use(process, stream, pause_ns, command)


def _count(argv: list[str], letter: str) -> int:
    return sum(word.count(letter) for word in argv[1:] if word.startswith("-") and not word.startswith("--"))


async def _seconds(process: Process, options: Options, letter: str) -> int | None:
    if letter not in options:
        return None
    text = options.values[letter]
    if not text.isdecimal():
        await process.complain(f"invalid number '{text}'")
        raise ProcessExit(1)
    return int(text) * _SECOND


async def _port(process: Process, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= PORT_MAX:
        await process.complain(f"bad port '{text}'")
        raise ProcessExit(1)
    return int(text)


async def _call(process: Process, options: Options, local_port: int, patience_ns: int | None) -> Stream:
    host = options.operands[0]
    port = await _port(process, options.operands[1])
    try:
        address = SocketAddress((await resolve(process, host))[0], port)
    except NameUnknown:
        await process.complain(f"bad address '{host}'")
        raise ProcessExit(1) from None
    try:
        if patience_ns is None:
            return await connect(process, address, source_port=local_port)
        async with timeout(patience_ns):
            return await connect(process, address, source_port=local_port)
    except FsError as error:
        doing = "bind" if error.errno_name in ("EACCES", "EADDRNOTAVAIL") else ""
        text = doing or f"can't connect to remote host ({address.ip})"
        await process.complain(f"{text}: {error.strerror}")
        raise ProcessExit(1) from None


async def _serve(
    process: Process,
    port: int,
    patience_ns: int | None,
    pause_ns: int,
    command: list[str] | None,
    *,
    is_forever: bool,
) -> int:
    try:
        listener = listen(process, SocketAddress(ANY_IPV6, port), backlog=1)
    except FsError as error:
        await process.complain(f"bind: {error.strerror}")
        return 1
    if not port:
        # nobody could know which port it got
        await process.write(2, f"{listener.local.port}\n".encode())
    while True:
        if patience_ns is None:
            stream = await listener.accept()
        else:
            async with timeout(patience_ns):
                stream = await listener.accept()
        if not (is_forever and command):
            close_descriptor(process, listener)
            return await _use(process, stream, pause_ns, command)
        child = process.fork(_run_command(command))
        for fd in (0, 1, 2):
            child.set_file(fd, stream)
        stream.release()


def _run_command(command: list[str]) -> Program:
    async def program(process: Process) -> int:
        await _execute(process, command)
        return 1

    return program


async def _execute(process: Process, command: list[str]) -> None:
    path: str | None = command[0]
    if "/" not in command[0]:
        path = search(process.files, command[0], process.env.get("PATH", ""))
    try:
        if path is None:
            raise FsError("ENOENT")
        process.execute(executable_at(process.files, path), command, process.env)
    except FsError as error:
        await process.complain(f"can't execute '{command[0]}': {error.strerror}")


async def _use(process: Process, stream: Stream, pause_ns: int, command: list[str] | None) -> int:
    """Copy both ways, or become the program of -e."""
    fd = take_descriptor(process, stream)
    stream.release()
    if command is not None:
        for number in (0, 1, 2):
            process.set_file(number, stream)
        process.close(fd)
        await _execute(process, command)
        return 1
    async with TaskGroup() as group:
        sender = group.spawn(_send(process, stream, pause_ns), name="nc sends")
        try:
            while data := await process.read_from(stream):
                await process.write(1, data)
                await process.step()
        except FsError as error:
            await process.complain(f"read error: {error.strerror}")
            sender.cancel()
            return 1
        sender.cancel()
    return 0


async def _send(process: Process, stream: Stream, pause_ns: int) -> None:
    """Standard input to the far end; its end is the end of what the far end gets."""
    try:
        while data := await process.read(0):
            if pause_ns:
                await process.sleep(pause_ns)
            rest: bytes | None = data
            while rest is not None and (rest := stream.write_now(rest)) is not None:
                await stream.wait_writable()
            await process.step()
        stream.shut_down()
    except FsError:
        return  # the reader finds out, too, and says it
