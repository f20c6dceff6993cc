"""Compares what the emulated kubelet publishes with what the real one published."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubesim.errors import KubesimError
from scripts.recordings.folder import Folder
from scripts.recordings.normal import normalised
from scripts.recordings.play import NotPlayable, play


@dataclass(frozen=True)
class Outcome:
    """How one pod compares: "equal", "different" or "not played", and the first difference or the reason."""

    name: str
    verdict: str
    detail: str = ""


def compare(name: str, folder: Folder, images: list[Path]) -> Outcome:
    """Play one recorded pod and compare."""
    recorded = normalised(row for row in folder.rows(name) if "status" in row)
    try:
        played = normalised(play(name, folder, images))
    except (NotPlayable, KubesimError) as error:
        return Outcome(name, "not played", str(error).splitlines()[0])
    for index, (want, have) in enumerate(itertools.zip_longest(recorded, played)):
        if want != have:
            return Outcome(name, "different", f"version {index} of {len(recorded)}: {difference(want, have)}")
    return Outcome(name, "equal", f"{len(recorded)} versions")


def difference(want: Any, have: Any, path: str = "") -> str:
    """The first place where two values differ."""
    if isinstance(want, dict) and isinstance(have, dict):
        for key in sorted(want.keys() | have.keys()):
            if want.get(key) != have.get(key):
                return difference(want.get(key), have.get(key), f"{path}.{key}")
    if isinstance(want, list) and isinstance(have, list):
        for index, (one, other) in enumerate(itertools.zip_longest(want, have)):
            if one != other:
                return difference(one, other, f"{path}[{index}]")
    return f"{path.lstrip('.') or 'whole'}: recorded {short(want)}, published {short(have)}"


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 220 else text[:217] + "..."
