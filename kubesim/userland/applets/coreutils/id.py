"""id and groups: who the process is, with names where the container's own files know them."""

from __future__ import annotations

from collections.abc import Callable

from kubesim.userland.applets.applet import Applet
from kubesim.userland.files.passwd import entry_of_uid, groups_of, name_of_gid, parse_group, parse_passwd
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process


class _Names:
    """The container's passwd and group, looked at once."""

    def __init__(self, process: Process) -> None:
        self.users = parse_passwd(process.files)
        self.groups = parse_group(process.files)

    def user(self, uid: int) -> str | None:
        entry = entry_of_uid(self.users, uid)
        return None if entry is None else entry.name

    def group(self, gid: int) -> str | None:
        return name_of_gid(self.groups, gid)


def _named(number: int, name: str | None) -> str:
    return str(number) if name is None else f"{number}({name})"


async def run(process: Process) -> int:
    """`id` and its options."""
    options = parse_options(process.argv, "ugGnr")
    wanted = options.flags & {"u", "g", "G"}
    if len(wanted) > 1 or (not wanted and options.flags):
        raise UsageError
    names = _Names(process)
    who = process.credentials
    is_real = "r" in options or not options.flags
    uid, gid = (who.real_uid, who.real_gid) if is_real else (who.uid, who.gid)
    groups = sorted(who.groups)  # the kernel keeps supplementary groups sorted
    if options.operands:
        if len(options.operands) > 1:
            raise UsageError
        entry = next((user for user in names.users if user.name == options.operands[0]), None)
        if entry is None:
            await process.complain(f"unknown user {options.operands[0]}")
            return 1
        uid, gid = entry.uid, entry.gid
        groups = groups_of(process.files, entry.name, gid)
    if wanted:
        return await _show_one(process, names, options, uid, gid, groups)
    text = f"uid={_named(uid, names.user(uid))} gid={_named(gid, names.group(gid))}"
    if not options.operands and who.uid != uid:
        text += f" euid={_named(who.uid, names.user(who.uid))}"
    if not options.operands and who.gid != gid:
        text += f" egid={_named(who.gid, names.group(who.gid))}"
    if groups:
        text += " groups=" + ",".join(_named(group, names.group(group)) for group in groups)
    await process.say(text + "\n")
    return 0


async def _show_one(process: Process, names: _Names, options: Options, uid: int, gid: int, groups: list[int]) -> int:
    lookup: Callable[[int], str | None]
    if "u" in options:
        numbers, lookup = [uid], names.user
    else:
        # -G begins with the primary group and does not repeat it.
        numbers = [gid, *(group for group in groups if group != gid)] if "G" in options else [gid]
        lookup = names.group
    if "n" not in options:
        await process.say(" ".join(map(str, numbers)) + "\n")
        return 0
    code = 0
    pending = ""
    for index, number in enumerate(numbers):
        name = lookup(number)
        pending += (" " if index else "") + (str(number) if name is None else name)
        if name is None:
            # An error has what was printed before it written first, in the middle of the line.
            await process.say(pending)
            await process.complain(f"unknown ID {number}")
            pending, code = "", 1
    await process.say(pending + "\n")
    return code


async def run_groups(process: Process) -> int:
    """`groups` is `id -Gn`."""
    process.argv = [process.argv[0], "-Gn", *process.argv[1:]]
    return await run(process)


async def run_numeric(process: Process) -> int:
    """`id` that looks no name up: `uid=1000 gid=3000 groups=3000,4000,50000`.

    With an option it prints what `id` prints; the option -n has no names to print and is refused.
    """
    options = parse_options(process.argv, "ugGr")
    if options.flags or options.operands:
        return await run(process)
    who = process.credentials
    text = f"uid={who.uid} gid={who.gid}"
    if who.groups:
        text += " groups=" + ",".join(map(str, sorted(who.groups)))
    await process.say(text + "\n")
    return 0


NUMERIC_ID = Applet(run_numeric, usage="[-ugGr]")
