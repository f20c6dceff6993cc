"""`kubesim`: reads the arguments, imports the one subcommand that is asked for, and words its errors.

Subcommand modules have `add_arguments(parser)` and `run(options) -> int`.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from kubesim.cli.not_available import add_command

COMMANDS = {
    "serve": "the CRI mock for real clients, on a socket",
    "run": "the pod engine on manifests, in virtual time",
    "replay": "scenarios in virtual time",
    "explain": "an answer, and why",
    "diff-identity": "what another runtime version changes in the identities of a fleet",
    "profiles": "the runtime profiles, or one of them with its reasons",
    "images": "what is in the emulated registries, and a store of images of other tools",
}

NOT_AVAILABLE = {
    "record": "kubesim serve --journal FILE writes the calls to the emulated runtime",
    "logind": "kubesim replay plays shutdowns without a bus",
    "ctl": "start kubesim serve anew with other options",
}
"""Commands of the design that are still missing, and what there is instead."""

DONE, EXPECTATION_FAILED, BAD_INPUT = 0, 1, 2
INTERRUPTED = 130
"""What a shell calls the end by SIGINT."""

STDOUT_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""Why a file takes no more output. `open` and its like name their file in the error; a write to stdout has no name."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as for all other bad input."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 an expectation failed, 2 bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = _Parser(prog="kubesim", description="A kubelet-side behaviour emulator.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    asked = next((word for word in arguments if not word.startswith("-")), "")
    # A known command needs no other beside it; only the command that is asked for is imported: `kubesim --help` must
    # not load grpc.
    for name in [asked] if asked in COMMANDS else COMMANDS:
        text = COMMANDS[name]
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == asked:
            _module(name).add_arguments(command)
    for name, hint in NOT_AVAILABLE.items() if asked not in COMMANDS else ():
        add_command(commands, name, hint=hint)
    try:
        try:
            return _answer(parser, arguments)
        finally:
            # Here, and not at exit: a full disk, or a reader that went away, is noticed where it can be answered.
            _flush()
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more to say.
        _forget_output()
        return DONE
    except OSError as error:
        if error.filename is not None or error.errno not in STDOUT_ERRORS:
            raise
        _forget_output()
        print(f"kubesim: stdout: cannot be written: {error.strerror}; write to another place", file=sys.stderr)
        return BAD_INPUT


def _module(command: str) -> ModuleType:
    """The module of a command."""
    return import_module(f"kubesim.cli.{command.replace('-', '_')}")


def _flush() -> None:
    # A process that was started without a stdout (`>&-`) has none.
    if sys.stdout is not None:
        sys.stdout.flush()


def _forget_output() -> None:
    """Let what is left go nowhere: Python would complain a second time when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _answer(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    options = parser.parse_args(arguments)
    if options.version:
        from kubesim import __version__

        print(f"kubesim {__version__}")
        return DONE
    if options.command is None:
        parser.print_help(sys.stderr)
        return BAD_INPUT
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from kubesim.errors import ExpectationFailed, KubesimError

    try:
        code: int = _module(options.command).run(options)
    except ExpectationFailed as error:
        print(f"kubesim: {_printable(str(error))}", file=sys.stderr)
        return EXPECTATION_FAILED
    except KubesimError as error:
        print(f"kubesim: {_printable(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _printable(text: str) -> str:
    """A message without what could move the cursor of a terminal: it may quote a registry or an archive of anybody."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)
