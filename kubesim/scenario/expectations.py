"""Judges `expect` steps: what was looked at, what was there, and whether it is what was expected."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from kubesim.errors import KubesimError
from kubesim.model.scenario_document import CallPattern, EventPattern, Exec, Expect
from kubesim.node.node import Node
from kubesim.scenario.lookup import MISSING, is_part, lookup

SHOWN_LENGTH_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether an expectation holds now; `text` says what was expected and what was there."""

    holds: bool
    text: str


def judge(expect: Expect, node: Node) -> Judgement:
    """Look at the subject of an expectation and compare."""
    try:
        subject, name = _subject(expect, node)
    except KubesimError as error:
        if expect.absent:
            return Judgement(holds=True, text=f"absent: {error}")
        return Judgement(holds=False, text=str(error))
    matches = isinstance(subject, list) and expect.pod is None and expect.node is None and expect.exec is None
    value = subject if matches else lookup(subject, expect.path)
    where = f"{name} {expect.path}".rstrip()
    return _compare(expect, value, where)


def _subject(expect: Expect, node: Node) -> tuple[Any, str]:
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
    rows = [row for row in node.timeline() if is_part(expect.timeline, row)]
    return rows, f"timeline {_shown(expect.timeline)}"


def run_exec(action: Exec, node: Node) -> dict[str, Any]:
    """Run a command; its result with texts for bytes."""
    result = node.exec(action.pod, action.command, container=action.container)
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
    there = "nothing" if value is MISSING else _shown(value)
    if expect.absent:
        return Judgement(holds=value is MISSING or value == [], text=f"{where}: expected nothing, found {there}")
    if expect.equals is not UNSET:
        return Judgement(holds=value == expect.equals, text=f"{where}: expected {_shown(expect.equals)}, found {there}")
    if expect.matches is not None:
        text = value if isinstance(value, str) else there
        holds = value is not MISSING and re.search(expect.matches, text) is not None
        return Judgement(holds=holds, text=f"{where}: expected a match of /{expect.matches}/, found {there}")
    if expect.contains is not UNSET:
        holds = value is not MISSING and _contains(value, expect.contains)
        return Judgement(holds=holds, text=f"{where}: expected {_shown(expect.contains)} in it, found {there}")
    if expect.count is not None:
        count = len(value) if isinstance(value, list | dict | str) else None
        return Judgement(holds=count == expect.count, text=f"{where}: expected {expect.count}, found {count}: {there}")
    holds = value is not MISSING and value != []
    return Judgement(holds=holds, text=f"{where}: expected something, found {there}")


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
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[: SHOWN_LENGTH_MAX - 3] + "..."
