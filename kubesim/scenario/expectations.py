"""Judges `expect` steps: what was looked at, what was there, and whether it is what was expected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from msgspec import UNSET

from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.model.scenario_document import CallPattern, EventPattern, Exec, Expect
from kubesim.node.node import Node
from kubesim.scenario.cri_calls import run_call
from kubesim.scenario.lookup import MISSING, is_part, lookup

_NOTHING_KEPT: Mapping[str, Any] = MappingProxyType({})

SHOWN_LENGTH_MAX = 400
SHOWN_WHEN_HOLDING_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether an expectation holds now; `text` says what was expected and what was there."""

    holds: bool
    text: str


def judge(expect: Expect, node: Node, kept: Mapping[str, Any] = _NOTHING_KEPT) -> Judgement:
    """Look at the subject of an expectation and compare; `kept` are answers to CRI calls that it may refer to."""
    try:
        subject, name = _subject(expect, node, kept)
    except KubesimError as error:
        # A pod that is not there is what `absent` wants. An exec that cannot run says nothing about its output.
        return Judgement(holds=expect.absent is True and expect.pod is not None, text=str(error))
    value = lookup(subject, expect.path)
    judgement = _compare(expect, value, f"{name} {expect.path}".rstrip())
    if value is MISSING and isinstance(subject, dict) and "error" in subject:
        # A call or a command that failed has nothing else to look at: its error is the reason.
        return replace(judgement, text=f"{judgement.text}; error: {_shown(subject['error'])}")
    return judgement


def _subject(expect: Expect, node: Node, kept: Mapping[str, Any]) -> tuple[Any, str]:
    if expect.pod is not None:
        return node.pod(expect.pod), f"pod {expect.pod}"
    if expect.node:
        return node.status(), "node"
    if expect.journal is not None:
        return _calls(expect.journal, node), f"journal {expect.journal.method}"
    if expect.event is not None:
        return _events(expect.event, node), f"events {_pattern(expect.event)}"
    if expect.exec is not None:
        return run_exec(expect.exec, node), f"exec {' '.join(expect.exec.command)} in {expect.exec.pod}"
    if expect.cri is not None:
        return run_call(expect.cri, node, kept), f"cri {expect.cri.method}"
    if expect.metric is not None:
        return node.metrics().get(expect.metric, MISSING), f"metric {expect.metric}"
    rows = [row for row in node.timeline() if is_part(expect.timeline, row)]
    return rows, f"timeline {_shown(expect.timeline)}"


def run_exec(action: Exec, node: Node) -> dict[str, Any]:
    """Run a command; its result with texts for bytes. `error` is there when the runtime could not start it."""
    try:
        result = node.exec(action.pod, action.command, container=action.container)
    except CriError as error:
        return {"error": error.message, "stdout": "", "stderr": "", "exitCode": None}
    return {
        "exitCode": result.exit_code,
        "stdout": result.stdout.decode(errors="replace"),
        "stderr": result.stderr.decode(errors="replace"),
    }


def _calls(pattern: CallPattern, node: Node) -> list[Any]:
    found = []
    for entry in node.journal:
        if entry.method != pattern.method:
            continue
        row = entry.as_dict()
        code = entry.error.code.go_name if entry.error is not None else "OK"
        if is_part(pattern.request, row["request"]) and pattern.error in {None, code}:
            found.append(row)
    return found


def _events(pattern: EventPattern, node: Node) -> list[Any]:
    found = []
    for event in node.events:
        involved = event["involvedObject"]
        about = f"{involved['namespace']}/{involved['name']}" if involved.get("kind") == "Pod" else None
        if pattern.pod != about:
            continue
        if pattern.type not in {None, event["type"]} or pattern.reason not in {None, event["reason"]}:
            continue
        if pattern.message is not None and pattern.message != event["message"]:
            continue
        if pattern.message_matches is not None and not re.search(pattern.message_matches, event["message"]):
            continue
        found.append(event)
    return found


def _compare(expect: Expect, value: Any, where: str) -> Judgement:
    wanted, holds = _verdict(expect, value)
    there = "nothing" if value is MISSING else _shown(value)
    if isinstance(value, list) and (expect.count, expect.at_least, expect.at_most) != (None, None, None):
        # Rows that were counted well need not be read; those that were not are the reason.
        there = str(len(value)) if holds else f"{len(value)}: {there}"
    elif holds and len(there) > SHOWN_WHEN_HOLDING_MAX:
        there = "it"
    return Judgement(holds=holds, text=f"{where}: expected {wanted}, found {there}")


def _verdict(expect: Expect, value: Any) -> tuple[str, bool]:
    """What was expected, in words, and whether it is so."""
    matched = _matched(expect, value)
    if expect.count is None:
        return matched or ("something", _is_there(value))
    is_counted = isinstance(value, list | dict | str) and len(value) == expect.count
    if matched is None:
        return str(expect.count), is_counted
    wanted, holds = matched
    return f"{wanted} and {expect.count}", holds and is_counted


def _matched(expect: Expect, value: Any) -> tuple[str, bool] | None:
    """The same for the matcher alone; None when there is none."""
    if expect.absent is not None:
        return ("nothing", not _is_there(value)) if expect.absent else ("something", _is_there(value))
    if expect.equals is not UNSET:
        return _shown(expect.equals), bool(value == expect.equals)
    if expect.matches is not None:
        text = value if isinstance(value, str) else _json(value)
        return f"a match of /{expect.matches}/", _is_there(value) and re.search(expect.matches, text) is not None
    if expect.at_least is not None:
        number = _number(value)
        return f"at least {expect.at_least}", number is not None and number >= expect.at_least
    if expect.at_most is not None:
        number = _number(value)
        return f"at most {expect.at_most}", number is not None and number <= expect.at_most
    if expect.contains is not UNSET:
        return f"{_shown(expect.contains)} in it", _is_there(value) and _contains(value, expect.contains)
    return None


def _number(value: Any) -> float | None:
    """What `atLeast` and `atMost` compare; None for what has no number."""
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_there(value: Any) -> bool:
    return value is not MISSING and value != []


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    if isinstance(whole, list):
        parts = part if isinstance(part, list) else [part]
        return all(any(is_part(one, other) for other in whole) for one in parts)
    return is_part(part, whole)


def _pattern(pattern: EventPattern) -> str:
    parts = (pattern.pod, pattern.type, pattern.reason, pattern.message, pattern.message_matches)
    return " ".join(part for part in parts if part) or "of the node"


def _shown(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[: SHOWN_LENGTH_MAX - 3] + "..."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
