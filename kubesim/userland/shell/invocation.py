"""How a shell is called, and how it reads its commands."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.builtins_options import OPTION_NAMES, set_option
from kubesim.userland.shell.control import BuiltinError, ShellError
from kubesim.userland.shell.interactive import InteractiveShell, terminal_of
from kubesim.userland.shell.job_control import set_job_control
from kubesim.userland.shell.parser import Parser
from kubesim.userland.shell.shell import Shell
from kubesim.userland.shell.syntax import ShellSyntaxError

READ_BYTES = 8192
"""What the shell reads of its standard input at once. Mirrors busybox: shell/ash.c, IBUFSIZ and preadfd."""

SCRIPT_BYTES_MAX = 1024 * 1024
"""Longest single command from standard input: a limit of ours."""


DEFAULT_PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
"""Where programs are searched when nobody said. Mirrors busybox: include/libbb.h, bb_default_root_path."""


PROMPTS = {"PS1": r"\w \$ ", "PS2": "> ", "PS4": "+ "}


class InvocationError(Exception):
    """The command line of the shell is wrong; the text follows its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What the command line says."""

    arg0: str
    positional: tuple[str, ...] = ()
    options: tuple[tuple[str, bool], ...] = ()
    """Letters, and whether they are turned on."""
    text: str | None = None
    """The script of -c."""
    path: str | None = None
    """The file to run; without it and without -c it is standard input."""
    has_own_name: bool = False
    """-c was given a word for `$0`."""
    is_login: bool = False
    """It reads the profiles first."""


def read_invocation(argv: list[str]) -> Invocation:
    """Read `sh [-options] [-c SCRIPT [ARG0 ARGS] | FILE [ARGS] | -s [ARGS]]`. Raises InvocationError."""
    words = argv[1:]
    options: list[tuple[str, bool]] = []
    is_command = is_stdin = False
    is_login = argv[0].startswith("-")
    while words and len(words[0]) > 1 and words[0][0] in "-+":
        word = words.pop(0)
        if word == "--":
            break
        for letter in word[1:]:
            if letter == "c":
                is_command = True
            elif letter == "s":
                is_stdin = True
            elif letter == "l":
                is_login = True
            elif letter == "o":
                if not words:
                    raise InvocationError("-o requires an argument")
                name = words.pop(0)
                if name not in OPTION_NAMES:
                    raise InvocationError(f"illegal option -o {name}")
                options.append((OPTION_NAMES[name], word[0] == "-"))
            else:
                options.append((letter, word[0] == "-"))
    if words and words[0] == "-":
        words.pop(0)
    if is_command:
        if not words:
            raise InvocationError("-c requires an argument")
        text = words.pop(0)
        has_own_name = bool(words)
        arg0 = words.pop(0) if words else argv[0]
        return Invocation(
            arg0=arg0,
            positional=tuple(words),
            options=tuple(options),
            text=text,
            has_own_name=has_own_name,
            is_login=is_login,
        )
    if words and not is_stdin:
        arg0 = words[0]
        return Invocation(arg0=arg0, positional=tuple(words[1:]), options=tuple(options), path=arg0, is_login=is_login)
    return Invocation(arg0=argv[0], positional=tuple(words), options=tuple(options), is_login=is_login)


async def run_shell(process: Process, invocation: Invocation, text: str | None) -> int:
    """Run a shell to its end; `text` is the script, None to read commands from standard input."""
    kind = "file" if invocation.path is not None else "stdin" if text is None else "command"
    shell = Shell(process, arg0=invocation.arg0, kind=kind)
    shell.has_lines |= invocation.has_own_name
    shell.positional = list(invocation.positional)
    _begin(shell)
    try:
        for letter, is_on in invocation.options:
            if letter in ("i", "m"):
                continue  # what they ask for is done, or not, once the shell knows its terminal
            set_option(shell, letter, is_on=is_on)
    except BuiltinError as error:
        await shell.write_error(f"{invocation.arg0}: {error.message}\n")
        return 2
    if text is None:
        return await shell.live(lambda: _run_input(shell, invocation))
    # The lines of -c count from 0 in ash's messages.
    is_file = kind == "file"
    return await shell.live(lambda: shell.run_text(text, is_last=not is_file, line=int(is_file), is_input=is_file))


def _begin(shell: Shell) -> None:
    """The variables that a new shell sets for its children. Mirrors busybox: shell/ash.c, init."""
    variables = shell.variables
    depth = variables.get("SHLVL") or ""
    variables.set("SHLVL", str(int(depth) + 1 if depth.isascii() and depth.isdecimal() and len(depth) < 9 else 1))
    variables.set("PWD", shell.process.files.cwd)
    if variables.get("PATH") is None:
        variables.set("PATH", DEFAULT_PATH)
        variables.export("PATH")
    if variables.get("HOSTNAME") is None:
        variables.set("HOSTNAME", shell.process.hostname)
    variables.set("PPID", str(shell.process.parent_pid))
    variables.set("OPTIND", "1")
    for name, value in PROMPTS.items():
        variables.set(name, variables.get(name) or value)
    shell.compute_variables(("LINENO", "RANDOM", "FUNCNAME"))
    variables.export("SHLVL")
    variables.export("PWD")


async def _run_input(shell: Shell, invocation: Invocation) -> int:
    """Commands from standard input: of a user, where that and the errors are a terminal, or with -i."""
    if invocation.is_login:
        await _run_file(shell, "/etc/profile")
        await _run_file(shell, f"{shell.variables.get('HOME') or ''}/.profile")
    terminal = terminal_of(shell.process, 0)
    is_asked_for = ("i", True) in invocation.options
    if not is_asked_for and (terminal is None or terminal_of(shell.process, 2) is None):
        return await _run_stdin(shell)
    if ("m", False) not in invocation.options:
        if set_job_control(shell, is_on=True):
            shell.options.add("m")
        else:
            await shell.write_error(f"{shell.arg0}: can't access tty; job control turned off\n")
    shell.options.add("i")
    startup = shell.variables.get("ENV")
    if startup:
        await _run_file(shell, startup)
    return await InteractiveShell(shell, terminal).run()


async def _run_file(shell: Shell, path: str) -> None:
    """Run a file of commands in this shell; one that is not there or cannot be read is none."""
    try:
        text = shell.process.files.read(path).decode(errors="surrogateescape")
    except FsError:
        return
    try:
        await shell.run_text(text, line=1, is_input=True)
    except ShellError as error:
        await shell.complain(error.message, error.command)


async def _run_stdin(shell: Shell) -> int:
    """Run each command as soon as its last line is there. What was read with it belongs to the shell."""
    pending = ""
    line = 1
    is_at_end = False
    status = 0
    while True:
        parser = Parser(pending, line=line, aliases=shell.aliases)
        try:
            tree = parser.next_command()
            is_complete = not (parser.is_at_end or parser.lexer.has_open_document)
        except ShellSyntaxError as error:
            if is_at_end or not error.is_incomplete or len(pending) > SCRIPT_BYTES_MAX:
                raise ShellError(f"syntax error: {error.message}") from None
            is_complete = False
        if not is_complete and not is_at_end:
            data = await shell.process.read(0, READ_BYTES)
            is_at_end = not data
            pending += data.decode(errors="surrogateescape")
            continue
        if tree is None:
            return status
        if "v" in shell.options:
            await shell.write_error(parser.lexer.text[: parser.lexer.position])
        pending = parser.lexer.text[parser.lexer.position :]
        line = parser.lexer.line
        status = await shell.evaluate.run(tree)
