"""The expression of find: groups of actions, as busybox reads them from the command line.

Groups are tried one after the other until one succeeds, its actions until one fails: that is `-o` and `-a`. A
parenthesis is an action that holds groups.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kubesim.userland.applets.coreutils.chown import gid_of, uid_of
from kubesim.userland.file_modes import parse_mode
from kubesim.userland.files.credentials import EXECUTE
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.posix_regex import BadRegex, compile_regex
from kubesim.userland.processes.process_life import Process
from kubesim.userland.shell.patterns import matches

_NS = 1_000_000_000
_DAY_SECONDS = 86_400
_DEPTH_MAX = 2**31 - 1


class FindError(Exception):
    """The command line is wrong; the message is the complaint."""


class UnknownWord(FindError):
    """The same for a word that is no part of an expression: the usage follows."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the walk came to."""

    path: str
    stat: Stat


Test: TypeAlias = Callable[[Found], bool]
Act: TypeAlias = Callable[[Found], Awaitable[bool]]


@dataclass(slots=True, kw_only=True)
class Action:
    """One action. It has `test`, or `act` where it may take time, or the groups of a parenthesis."""

    test: Test | None = None
    act: Act | None = None
    groups: list[list[Action]] | None = None
    is_prune: bool = False
    is_inverted: bool = False


@dataclass(slots=True)
class Settings:
    """What options say, wherever in the expression they stand."""

    follows_operand: bool = False
    follows_all: bool = False
    stays_on_device: bool = False
    is_depth_first: bool = False
    depth_min: int = 0
    depth_max: int = _DEPTH_MAX
    prints: bool = True
    """Whether no action prints or changes anything, so that what is found is printed."""


@dataclass(slots=True)
class Expression:
    """What the command line says after the paths."""

    groups: list[list[Action]] = field(default_factory=lambda: [[]])

    async def evaluate(self, found: Found) -> tuple[bool, bool]:
        """Whether it is true of a file, and whether the walk shall not descend."""
        return await _evaluate(self.groups, found)


async def _evaluate(groups: list[list[Action]], found: Found) -> tuple[bool, bool]:
    """Mirrors busybox: findutils/find.c, exec_actions: a -prune counts whether or not its group succeeds."""
    is_pruned = False
    if not groups[0]:
        return True, False
    for group in groups:
        if not group:
            break  # `-name a -o` with nothing behind it: busybox ends its list here
        is_true = True
        for action in group:
            if action.test is not None:
                is_true = action.test(found)
            elif action.act is not None:
                is_true = await action.act(found)
            elif action.groups is not None:
                is_true, is_pruned_inside = await _evaluate(action.groups, found)
                is_pruned |= is_pruned_inside
            is_pruned |= action.is_prune
            is_true ^= action.is_inverted
            if not is_true:
                break
        if is_true:
            return True, is_pruned
    return False, is_pruned


# -- tests ------------------------------------------------------------------------------------------------

_TYPES = {
    "b": FileKind.BLOCK_DEVICE,
    "c": FileKind.DEVICE,
    "d": FileKind.DIRECTORY,
    "p": FileKind.FIFO,
    "f": FileKind.FILE,
    "l": FileKind.SYMLINK,
    "s": FileKind.SOCKET,
}
_SIZE_UNITS = {"c": 1, "w": 2, "": 512, "b": 512, "k": 1024}


def base_name(path: str) -> str:
    """What -name looks at: slashes at the end do not count, and `//` is called `/`."""
    return path.rstrip("/").rpartition("/")[2] or "/"


def name_test(pattern: str, *, ignores_case: bool) -> Test:
    """-name and -iname."""
    if ignores_case:
        upper = pattern.upper()
        return lambda found: matches(upper, base_name(found.path).upper())
    return lambda found: matches(pattern, base_name(found.path))


def path_test(pattern: str, *, ignores_case: bool) -> Test:
    """-path and -ipath."""
    if ignores_case:
        upper = pattern.upper()
        return lambda found: matches(upper, found.path.upper())
    return lambda found: matches(pattern, found.path)


def regex_test(pattern: str) -> Test:
    """-regex: the whole path, by a basic expression."""
    try:
        compiled = compile_regex(pattern, is_extended=False)
    except BadRegex as error:
        raise FindError(f"bad regex '{pattern}': {error}") from None
    return lambda found: compiled.fullmatch(found.path) is not None


def type_test(text: str) -> Test:
    """-type."""
    kind = _TYPES.get(text)
    if kind is None:
        raise FindError(f"invalid argument '{text}' to '-type'")
    return lambda found: found.stat.kind is kind


def perm_test(text: str) -> Test:
    """-perm MODE, -MODE, +MODE or /MODE."""
    sign = text[:1] if text[:1] in ("-", "+", "/") else ""
    mode = parse_mode(text[len(sign) :], 0, umask=0)
    if mode is None:
        raise FindError(f"invalid mode '{text[len(sign) :]}'")
    if sign == "-":
        return lambda found: found.stat.mode & mode == mode
    if sign:
        return lambda found: found.stat.mode & mode != 0
    return lambda found: found.stat.mode == mode


def number(text: str) -> int:
    """A number as busybox's xatoul reads it."""
    if not (text.isascii() and text.isdecimal()):
        raise FindError(f"invalid number '{text}'")
    return int(text)


def age_test(process: Process, which: str, text: str, unit_seconds: int) -> Test:
    """-mtime and its sisters; `which` is m, a or c."""
    sign, wanted = _signed(text)
    low = number(wanted) * unit_seconds
    now = process.kernel.now_ns // _NS

    def age(found: Found) -> int:
        stat = found.stat
        time_ns = stat.mtime_ns if which == "m" else stat.atime_ns if which == "a" else stat.ctime_ns
        return now - time_ns // _NS

    if sign == "+":
        return lambda found: age(found) >= low + unit_seconds
    if sign == "-":
        return lambda found: age(found) < low
    return lambda found: low <= age(found) < low + unit_seconds


def size_test(text: str) -> Test:
    """-size N with a unit; a size is compared as bytes."""
    sign, wanted = _signed(text)
    digits = wanted.rstrip("cwbk")
    unit = wanted[len(digits) :]
    if unit not in _SIZE_UNITS or not digits.isdecimal():
        raise FindError(f"invalid number '{wanted}'")
    return _compared(sign, int(digits) * _SIZE_UNITS[unit], lambda found: found.stat.size_bytes)


def links_test(text: str) -> Test:
    """-links N."""
    sign, wanted = _signed(text)
    return _compared(sign, number(wanted), lambda found: found.stat.links_count)


def _signed(text: str) -> tuple[str, str]:
    return (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)


def _compared(sign: str, wanted: int, value: Callable[[Found], int]) -> Test:
    if sign == "+":
        return lambda found: value(found) > wanted
    if sign == "-":
        return lambda found: value(found) < wanted
    return lambda found: value(found) == wanted


# -- reading ----------------------------------------------------------------------------------------------

_OPERATORS_AND = ("-a", "-and")
_OPERATORS_OR = ("-o", "-or")
_NOT = ("!", "-not")


class Reader:
    """Reads an expression. Mirrors busybox: findutils/find.c, parse_params.

    `actions` makes the actions that do something: by name, from the words behind them.
    """

    def __init__(
        self,
        process: Process,
        settings: Settings,
        *,
        plain: dict[str, Callable[[], Action]],
        executing: Callable[[str, list[str], bool], Action],
    ) -> None:
        self._process = process
        self._settings = settings
        self._plain = plain
        self._executing = executing
        self._valued: dict[str, Callable[[str], Test]] = {
            "-name": lambda value: name_test(value, ignores_case=False),
            "-iname": lambda value: name_test(value, ignores_case=True),
            "-path": lambda value: path_test(value, ignores_case=False),
            "-wholename": lambda value: path_test(value, ignores_case=False),
            "-ipath": lambda value: path_test(value, ignores_case=True),
            "-regex": regex_test,
            "-type": type_test,
            "-perm": perm_test,
            "-mtime": lambda value: age_test(process, "m", value, _DAY_SECONDS),
            "-atime": lambda value: age_test(process, "a", value, _DAY_SECONDS),
            "-ctime": lambda value: age_test(process, "c", value, _DAY_SECONDS),
            "-mmin": lambda value: age_test(process, "m", value, 60),
            "-amin": lambda value: age_test(process, "a", value, 60),
            "-cmin": lambda value: age_test(process, "c", value, 60),
            "-newer": self._newer,
            "-inum": self._inode,
            "-samefile": self._same_file,
            "-user": self._user,
            "-group": self._group,
            "-size": size_test,
            "-links": links_test,
        }

    def read(self, words: Sequence[str]) -> Expression:
        """The expression. Raises FindError."""
        expression = Expression()
        is_inverted = False
        place = 0
        while place < len(words):
            word = words[place]
            if word in _NOT:
                is_inverted = not is_inverted
            elif word in _OPERATORS_OR:
                expression.groups.append([])
            elif word == "(":
                end = _end_of_parenthesis(words, place)
                action = Action(groups=self.read(words[place + 1 : end]).groups)
                place = end
                is_inverted = self._add(expression, action, is_inverted=is_inverted)
            elif word in ("-exec", "-ok"):
                action, place = self._read_command(words, place)
                is_inverted = self._add(expression, action, is_inverted=is_inverted)
            elif word in self._plain:
                is_inverted = self._add(expression, self._plain[word](), is_inverted=is_inverted)
            elif word in self._valued or word in ("-mindepth", "-maxdepth"):
                place += 1
                if place == len(words):
                    raise FindError(f"{word} requires an argument")
                if word in self._valued:
                    action = Action(test=self._valued[word](words[place]))
                    is_inverted = self._add(expression, action, is_inverted=is_inverted)
                else:
                    self._set_depth(word, words[place])
            elif word not in _OPERATORS_AND and not self._set_option(word):
                raise UnknownWord(f"unrecognized: {word}")
            place += 1
        return expression

    @staticmethod
    def _add(expression: Expression, action: Action, *, is_inverted: bool) -> bool:
        """Add to the last group; what the next action is inverted by, which is nothing."""
        action.is_inverted = is_inverted
        expression.groups[-1].append(action)
        return False

    def _set_option(self, word: str) -> bool:
        settings = self._settings
        if word == "-follow":
            settings.follows_all = True
        elif word == "-xdev":
            settings.stays_on_device = True
        elif word == "-depth":
            settings.is_depth_first = True
        else:
            return False
        return True

    def _set_depth(self, word: str, text: str) -> None:
        depth = min(number(text), _DEPTH_MAX)
        if word == "-mindepth":
            self._settings.depth_min = depth
        else:
            self._settings.depth_max = depth

    def _read_command(self, words: Sequence[str], place: int) -> tuple[Action, int]:
        """-exec and -ok: the words up to `;`, or `+`."""
        name = words[place]
        ends = (";", "+") if name == "-exec" else (";",)
        end = next((at for at in range(place + 1, len(words)) if words[at] in ends), None)
        if end is None or end == place + 1:
            raise FindError(f"{name} requires an argument")
        command = list(words[place + 1 : end])
        collects = words[end] == "+"
        if collects and sum(word.count("{}") for word in command) != 1:
            raise FindError("only one '{}' allowed for -exec +")
        return self._executing(name, command, collects), end

    def _newer(self, path: str) -> Test:
        seconds = self._stat(path, follow_last=True).mtime_ns // _NS
        return lambda found: seconds < found.stat.mtime_ns // _NS

    @staticmethod
    def _inode(text: str) -> Test:
        wanted = number(text)
        return lambda found: found.stat.inode == wanted

    def _same_file(self, path: str) -> Test:
        settings = self._settings
        stat = self._stat(path, follow_last=settings.follows_all or settings.follows_operand)
        return lambda found: (found.stat.device, found.stat.inode) == (stat.device, stat.inode)

    def _user(self, text: str) -> Test:
        uid = uid_of(self._process, text)
        if uid is None:
            raise FindError(f"unknown user {text}")
        return lambda found: found.stat.uid == uid

    def _group(self, text: str) -> Test:
        gid = gid_of(self._process, text)
        if gid is None:
            raise FindError(f"unknown group {text}")
        return lambda found: found.stat.gid == gid

    def _stat(self, path: str, *, follow_last: bool) -> Stat:
        try:
            return self._process.files.stat(path, follow_last=follow_last)
        except FsError as error:
            raise FindError(f"can't stat '{path}': {error.strerror}") from None


def executable_test(process: Process) -> Test:
    """-executable."""
    return lambda found: process.files.may(found.path, EXECUTE)


def _end_of_parenthesis(words: Sequence[str], place: int) -> int:
    depth = 0
    for at in range(place, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if not depth:
            return at
    raise FindError("unpaired '('")
