"""Variables of a shell: values, which of them are exported, which cannot be changed, and those local to a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.userland.shell.control import ShellError

DEFAULT_IFS = " \t\n"


@dataclass(slots=True)
class OptionPlace:
    """Where `getopts` goes on: the number of the next word, from 1 on, and how far the word before it is read (-1: it
    is done)."""

    index: int = 1
    offset: int = -1


class Variables:
    """The variables of one shell."""

    __slots__ = (
        "_env",
        "computed",
        "exported",
        "exports_all",
        "ifs",
        "option_place",
        "random_state",
        "readonly",
        "scopes",
        "values",
    )

    def __init__(self, env: Mapping[str, str]) -> None:
        self.values = {name: value for name, value in env.items() if is_name(name)}
        self.exported = set(self.values)
        self.readonly: set[str] = set()
        self.scopes: list[dict[str, tuple[str | None, bool]]] = []
        """For each running function: local names, their outer value and whether that was exported."""
        self.values["IFS"] = self.ifs = DEFAULT_IFS
        self.exported.discard("IFS")
        self.exports_all = False
        """`set -a`: what is assigned is exported."""
        self.computed: dict[str, Callable[[], str]] = {}
        """Variables whose value is asked for each time, until they are unset: they have none in `values`."""
        self.option_place = OptionPlace()
        self.random_state = 0
        """What the next `$RANDOM` is made of; 0 before the first."""
        self._env: dict[str, str] | None = None

    def copy(self) -> Variables:
        """The same for a subshell."""
        other = Variables({})
        other.values = dict(self.values)
        other.exported = set(self.exported)
        other.readonly = set(self.readonly)
        other.scopes = [dict(scope) for scope in self.scopes]
        other.ifs = self.ifs
        other.option_place = OptionPlace(self.option_place.index, self.option_place.offset)
        other.random_state = self.random_state
        other.exports_all = self.exports_all
        return other

    def get(self, name: str) -> str | None:
        """The value; None when it is not set."""
        value = self.values.get(name)
        return self.computed[name]() if value is None and name in self.computed else value

    def listed(self) -> list[tuple[str, str]]:
        """All variables by name, as `set` shows them; what is computed has no text there."""
        found = {**self.values, **{name: "" for name in self.computed if name != "RANDOM"}}
        return sorted(found.items())

    def check_writable(self, name: str) -> None:
        """Raises ShellError for a variable that is read-only."""
        if name in self.readonly:
            raise ShellError(f"{name}: is read only")

    def set(self, name: str, value: str) -> None:
        """Assign. Raises ShellError for a variable that is read-only."""
        if self.readonly:
            self.check_writable(name)
        if name in self.computed:
            if name == "RANDOM":
                self.random_state = int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else 0
                return
            del self.computed[name]
        self.values[name] = value
        if self.exports_all:
            self.exported.add(name)
        if name in self.exported:
            self._env = None
        if name == "IFS":
            self.ifs = value
        elif name == "OPTIND":
            self.option_place = OptionPlace(
                int(value) if value.isascii() and value.isdecimal() and len(value) < 9 else 1
            )

    def unset(self, name: str) -> None:
        """Forget a variable. Raises ShellError for one that is read-only."""
        self.check_writable(name)
        self.values.pop(name, None)
        self.computed.pop(name, None)
        self.exported.discard(name)
        self._env = None
        if name == "IFS":
            self.ifs = DEFAULT_IFS

    def export(self, name: str, *, is_exported: bool = True) -> None:
        """Let children see a variable, also one that gets its value later, or not any more."""
        if is_exported:
            self.exported.add(name)
        else:
            self.exported.discard(name)
        self._env = None

    def env(self) -> dict[str, str]:
        """What children get. The same object until something exported changes, so nobody may change it."""
        if self._env is None:
            self._env = {name: value for name, value in self.values.items() if name in self.exported}
        return self._env

    def make_local(self, name: str) -> None:
        """Give the running function a variable of its own, with the outer value as ash does. Needs a scope."""
        scope = self.scopes[-1]
        if name not in scope:
            scope[name] = (self.values.get(name), name in self.exported)

    def leave_scope(self) -> None:
        """The function is over: its local variables get their outer values back."""
        for name, (value, is_exported) in self.scopes.pop().items():
            self.put_back(name, value, is_exported=is_exported)

    def put_back(self, name: str, value: str | None, *, is_exported: bool) -> None:
        """Restore a variable as it was."""
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value
        self.export(name, is_exported=is_exported)
        if name == "IFS":
            self.ifs = DEFAULT_IFS if value is None else value


def is_name(text: str) -> bool:
    """Whether a text can name a variable."""
    return text.isidentifier() and text.isascii()
