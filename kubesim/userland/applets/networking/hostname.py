"""hostname: the name of the pod's uts namespace."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.system_calls import set_hostname


@dataclass(slots=True)
class _Host:
    name: str
    addresses: list[str]


async def run(process: Process) -> int:
    """Print it, or a part of it, or set it. Mirrors busybox: networking/hostname.c."""
    options = parse_options(process.argv, "sidfF:")
    if options.flags & {"d", "f", "i"}:
        return await _look_up(process, options.flags)
    if "s" in options:
        await process.say(process.hostname.partition(".")[0] + "\n")
        return 0
    if "F" in options:
        return await _set_from(process, options.values["F"])
    if options.operands:
        return await _set(process, options.operands[0])
    await process.say(f"{process.hostname}\n")
    return 0


async def _look_up(process: Process, flags: set[str]) -> int:
    found = _host(process)
    if found is None:
        await process.complain(f"{process.hostname}: Unknown host")
        return 1
    short, dot, domain = found.name.partition(".")
    if "f" in flags:
        text = f"{found.name}\n"
    elif "s" in flags:
        text = f"{short}\n"
    elif "d" in flags:
        text = f"{domain}\n" if dot else ""
    else:
        text = "".join(f"{address} " for address in found.addresses) + "\n"
    await process.say(text)
    return 0


def _host(process: Process) -> _Host | None:
    """The own name in /etc/hosts, as IPv4; its first name there is the full one. None when it is not there."""
    try:
        text = process.files.read("/etc/hosts").decode(errors="surrogateescape")
    except FsError:
        return None
    found: _Host | None = None
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if process.hostname in names and ":" not in address:
            if found is None:
                found = _Host(names[0], [])
            found.addresses.append(address)
    return found


async def _set(process: Process, name: str) -> int:
    try:
        set_hostname(process, name)
    except FsError as error:
        await process.complain(f"sethostname: {error.strerror}")
        return 1
    return 0


async def _set_from(process: Process, path: str) -> int:
    """Each line of the file sets it; the last one counts. `#` begins a comment."""
    try:
        text = process.files.read(path).decode(errors="surrogateescape")
    except FsError as error:
        await process.complain(f"can't open '{path}': {error.strerror}")
        return 1
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and (code := await _set(process, words[0])):
            return code
    return 0
