"""What the design promises and is not built yet: listed in the help, and refused by its name.

Whoever reads the design and types it learns that it is missing, and not that it is misspelt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    SubParsers = argparse._SubParsersAction[Any]  # noqa: SLF001 - argparse has no public name for it

BAD_INPUT = 2
HELP = "not available yet"


class _Refuse(argparse.Action):
    """Ends the program as soon as the option or command is seen."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 - the signature is argparse's
        values: str | Sequence[Any] | None,  # noqa: ARG002
        option_string: str | None = None,
    ) -> None:
        place = option_string or parser.prog.partition(" ")[2]
        parser.exit(BAD_INPUT, f"kubesim: {place}: {self.const}\n")


def add_option(parser: argparse.ArgumentParser, name: str, what: str, *, metavar: str, hint: str) -> None:
    """An option that is refused: `what` are not available yet; `hint`."""
    const = f"{what} are not available yet; {hint}"
    parser.add_argument(name, action=_Refuse, const=const, metavar=metavar, help=HELP)


def add_command(commands: SubParsers, name: str, *, hint: str) -> None:
    """A command that is refused, whatever follows it."""
    # No character starts an option here, so that every word is a positional one; `--help` is refused as well.
    parser = commands.add_parser(name, help=HELP, prefix_chars="\0", add_help=False)
    parser.add_argument(name, action=_Refuse, nargs="*", const=f"{HELP}; {hint}")
