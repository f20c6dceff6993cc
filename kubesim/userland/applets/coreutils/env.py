"""env: print the environment, or run a program in a changed one."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.executable import DEFAULT_PATH, executable_at, search
from kubesim.userland.processes.process_life import Process

_LONG_NAMES = {"ignore-environment": "i", "null": "0", "unset": "u"}


async def run(process: Process) -> int:
    """Change, then print or run."""
    options = parse_options(process.argv, "i0u:", is_ordered=True, long_names=_LONG_NAMES)
    env = {} if "i" in options else dict(process.env)
    for name in options.repeated.get("u", []):
        env.pop(name, None)
    words = _assigned(options, env)
    if not words:
        end = "\0" if "0" in options else "\n"
        await process.say("".join(f"{name}={value}{end}" for name, value in env.items()))
        return 0
    try:
        path = words[0] if "/" in words[0] else search(process.files, words[0], env.get("PATH", DEFAULT_PATH))
        if path is None:
            raise FsError("ENOENT", words[0])
        process.execute(executable_at(process.files, path), words, env)
    except FsError as error:
        await process.complain(f"can't execute '{words[0]}': {error.strerror}")
        return 127 if error.errno_name == "ENOENT" else 126


def _assigned(options: Options, env: dict[str, str]) -> list[str]:
    """Carry out NAME=VALUE operands; the words of the command that follow."""
    for position, word in enumerate(options.operands):
        if word == "-" and position == 0:
            env.clear()
            continue
        name, sign, value = word.partition("=")
        if not sign:
            return options.operands[position:]
        env[name] = value
    return []
