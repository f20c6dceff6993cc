"""What types cannot say of a scenario's actions: subjects, matchers, patterns, durations, names of pods and answers."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET

from kubesim.errors import InputError
from kubesim.model.convert import convert_all_errors, error_at, value_at
from kubesim.model.duration import parse_duration
from kubesim.model.image_name import parse_image_name
from kubesim.model.k8s_v1 import EphemeralContainer
from kubesim.model.mistakes import nearest
from kubesim.model.paths import Path
from kubesim.model.scenario_document import (
    AddEphemeralContainer,
    ContainerExit,
    CriCall,
    Delete,
    Exec,
    Expect,
    Fault,
    Resize,
    RestartKubelet,
    RestartRuntime,
    SetCondition,
    TagImage,
)
from kubesim.model.yaml_text import Document

SUBJECTS = ("pod", "node", "journal", "event", "exec", "timeline", "cri", "metric")
"""What an expectation looks at; exactly one of them."""

MATCHERS = {
    "equals": "equals",
    "matches": "matches",
    "contains": "contains",
    "atLeast": "at_least",
    "atMost": "at_most",
    "absent": "absent",
}
"""What an expectation says about the value; at most one of them, and `count` beside it. The name in the document,
and the attribute."""

_COUNTABLE = ("journal", "event", "timeline")
"""Subjects that are a list of matches, so that no matcher means: at least one."""

_POD = re.compile(r"[^/\s]+/[^/\s]+")

_NAME = re.compile(r"[\w-]+")
_REFERENCE = re.compile(r"\$\((?P<name>[\w-]+)(?P<path>[.\[].*)?\)")


def reference(text: str) -> tuple[str, str] | None:
    """Name and path of a `$(NAME.path)` in the request of a cri call; None for any other text."""
    match = _REFERENCE.fullmatch(text)
    return None if match is None else (match["name"], (match["path"] or "").removeprefix("."))


class ActionChecks:
    """Checks the actions of one scenario in their order, and collects the mistakes."""

    def __init__(self, document: Document) -> None:
        self.errors: list[InputError] = []
        self._document = document
        self._kept: set[str] = set()
        """Names of answers to cri calls so far."""

    def check(self, action: object, path: Path) -> None:
        """Check an action; its mistakes go to `errors`."""
        match action:
            case Delete():
                self._pod(path, action.pod.removeprefix("secret/").removeprefix("configmap/"))
            case ContainerExit() | SetCondition() | Resize():
                self._pod(path, action.pod)
            case AddEphemeralContainer():
                self._pod(path, action.pod)
                place = (*path, "container")
                self.errors += convert_all_errors(self._document, EphemeralContainer, path=place)
            case Exec():
                self._exec(path, action)
            case Expect():
                self._expect(path, action)
            case RestartKubelet() | RestartRuntime():
                self._duration((*path, "downFor"), action.down_for)
            case Fault():
                self._duration((*path, "delay"), action.delay)
                if action.error is None and action.delay == "0s":
                    self._error(path, "a fault needs an error or a delay")
            case TagImage():
                for key, name in (("image", action.image), ("as", action.as_)):
                    if parse_image_name(name) is None:
                        self._error((*path, key), f"{name!r} is no image name")
            case CriCall():
                self._references((*path, "request"), action.request)
                self._keep((*path, "as"), action.as_)
            case _:
                pass  # The other actions have nothing that their types do not say.

    def _expect(self, path: Path, expect: Expect) -> None:
        subjects = [name for name in SUBJECTS if getattr(expect, name) is not None]
        if len(subjects) != 1 or expect.node is False:
            what = f"{len(subjects)} subjects: {', '.join(subjects)}" if subjects else "nothing to look at"
            self._error(path, what, f"expected exactly one of {', '.join(SUBJECTS)}")
            return
        subject = subjects[0]
        unset = {"equals": UNSET, "contains": UNSET}
        matchers = [name for name, field in MATCHERS.items() if getattr(expect, field) is not unset.get(name)]
        if len(matchers) > 1:
            self._error(path, f"{len(matchers)} matchers: {', '.join(matchers)}", "keep one of them")
        if not matchers and expect.count is None and subject not in (*_COUNTABLE, "exec"):
            self._error(path, "nothing is expected", f"expected one of {', '.join((*MATCHERS, 'count'))}")
        if expect.within is not None and expect.for_ is not None:
            self._error(path, "both within and for", "keep one of them")
        self._duration((*path, "within"), expect.within or "0s")
        self._duration((*path, "for"), expect.for_ or "0s")
        self._pattern((*path, "matches"), expect.matches)
        if expect.pod is not None:
            self._pod(path, expect.pod)
        if expect.exec is not None:
            self._exec((*path, "exec"), expect.exec)
        if expect.cri is not None:
            self._references((*path, "cri", "request"), expect.cri.request)
            if expect.cri.as_ is not None:
                hint = "keep it with a cri step of its own"
                self._error((*path, "cri", "as"), "an expectation keeps no answer", hint)
        if expect.event is not None:
            self._pattern((*path, "event", "messageMatches"), expect.event.message_matches)
            if expect.event.pod is not None:
                self._pod((*path, "event"), expect.event.pod)

    def _exec(self, path: Path, action: Exec) -> None:
        self._pod(path, action.pod)
        if not action.command:
            self._error((*path, "command"), "no command", "expected a list of at least one word")

    def _references(self, path: Path, value: Any) -> None:
        """Every `$(NAME.path)` of a request must name what a step before keeps."""
        if isinstance(value, dict):
            for key, one in value.items():
                self._references((*path, key), one)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                self._references((*path, index), one)
        elif isinstance(value, str) and (found := reference(value)) is not None and found[0] not in self._kept:
            what = f"nothing before is kept as {found[0]!r}{nearest(found[0], self._kept)}"
            self._error(path, what, f"write `as: {found[0]}` in the cri step whose answer is meant")

    def _keep(self, path: Path, name: str | None) -> None:
        if name is None:
            return
        if _NAME.fullmatch(name) is None:
            self._error(path, f"{name!r} is no name", "expected letters, digits, _ and -")
        if name in self._kept:
            self._error(path, f"{name!r} is kept already", "give each answer its own name")
        self._kept.add(name)

    def _pod(self, path: Path, pod: str) -> None:
        if not _POD.fullmatch(pod):
            # `delete: default/web` names the pod without a key of its own.
            where = (*path, "pod") if isinstance(value_at(self._document, path), dict) else path
            self._error(where, f"{pod!r} names no pod", "expected namespace/name, e.g. default/web")

    def _pattern(self, path: Path, pattern: str | None) -> None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            self._error(path, f"{pattern!r} is no regular expression: {error}")

    def _duration(self, path: Path, text: str) -> int | None:
        try:
            duration_ns = parse_duration(text)
        except InputError as error:
            self._error(path, error.what, error.hint)
            return None
        if duration_ns < 0:
            self._error(path, f"{text} is negative")
        return duration_ns

    def _error(self, path: Path, what: str, hint: str = "") -> None:
        self.errors.append(error_at(self._document, path, what, hint=hint))
