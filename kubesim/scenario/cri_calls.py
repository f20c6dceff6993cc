"""Raw CRI calls of a scenario: what they send, and what they give to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubesim.cri.errors import CriError
from kubesim.errors import InputError
from kubesim.model.scenario_checks import reference
from kubesim.model.scenario_document import CriCall
from kubesim.node.node import Node
from kubesim.scenario.lookup import MISSING, lookup


def run_call(call: CriCall, node: Node, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Send a call; `response` or `error` with code and message. Raises InputError for a request that cannot be sent."""
    try:
        return {"response": node.call(call.method, _filled(call.request, kept))}
    except CriError as error:
        return {"error": {"code": error.code.go_name, "message": error.message}}


def _filled(value: Any, kept: Mapping[str, Any]) -> Any:
    """The request with each `$(NAME.path)` replaced by what it stands for. Raises InputError when that is nothing."""
    if isinstance(value, dict):
        return {key: _filled(one, kept) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, kept) for one in value]
    found = reference(value) if isinstance(value, str) else None
    if found is None:
        return value
    name, path = found
    there = lookup(kept[name], path)
    if there is MISSING:
        raise InputError(f"{value} is not in the answer", hint=f"{name} has {', '.join(kept[name]) or 'no fields'}")
    return there
