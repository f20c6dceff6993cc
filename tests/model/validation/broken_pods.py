"""The table of broken pods in `broken/*.txt`, for the tests of the rules and for those that ask a real API server.

A file holds stories with an empty line between them: a pod in flow YAML, `----`, and the refusals, a line each. The
keys of a story are parts of a small pod that is good otherwise: `metadata`, `spec`, `container` and `init` (fields of
its only container, of an init container), and `volume` (the source of the volume v).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "broken"
TOPICS = sorted(path.stem for path in FOLDER.glob("*.txt"))
CHANGES = Path(__file__).parent / "changed_pods.txt"
"""The same for changes of a pod: `old` and `new` hold the parts of the pod before and after."""
_RULE = "\n----"

OBJECTS = Path(__file__).parent / "broken_objects.txt"
"""The same for ConfigMaps, Secrets and Services: `configMap`, `secret` or `service` holds the fields of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One broken pod, and what is said about it."""

    text: str
    answers: tuple[str, ...]

    @property
    def pod(self) -> dict[str, Any]:
        """The manifest."""
        return _manifest(yaml.safe_load("{" + self.text + "}"))

    @property
    def change(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The manifest before and after, of a story with the keys `old` and `new`."""
        parts = yaml.safe_load("{" + self.text + "}")
        return _manifest(parts["old"]), _manifest(parts["new"])

    @property
    def object(self) -> dict[str, Any]:
        """The object of a story with the key `configMap`, `secret` or `service`."""
        ((kind, parts),) = yaml.safe_load("{" + self.text + "}").items()
        return {"apiVersion": "v1", "kind": kind[0].upper() + kind[1:], "metadata": {"name": "o"}, **parts}


def _manifest(parts: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "c", "image": "x", **parts.get("container", {})}]}
    if "init" in parts:
        spec["initContainers"] = [{"name": "i", "image": "x", **parts["init"]}]
    if "volume" in parts:
        spec["volumes"] = [{"name": "v", **parts["volume"]}]
    spec |= parts.get("spec", {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": parts.get("metadata", {"name": "p"}), "spec": spec}


def stories(path: Path) -> list[Story]:
    """The stories of one file."""
    found = []
    for block in path.read_text().strip("\n").split("\n\n"):
        text, _, answers = block.partition(_RULE)
        found.append(Story(text=text, answers=tuple(answers.strip("\n").split("\n")) if answers.strip() else ()))
    return found


def told(found: list[Story]) -> str:
    """The text of a file with these stories."""
    return "\n\n".join("\n".join((story.text + _RULE, *story.answers)) for story in found) + "\n"
