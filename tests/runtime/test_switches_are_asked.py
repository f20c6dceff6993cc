"""No switch of a profile is dead: code outside the profiles asks for each, by way of the profile."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubesim
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.runtime_profile_schema import is_group, switches, types_of

ROOT = Path(kubesim.__file__).parent
HINTS = types_of(RuntimeProfile)
GROUPS = {name: type_ for name, type_ in HINTS.items() if is_group(type_)}
GROUP_OF_CLASS = {group.__name__: name for name, group in GROUPS.items()} | {"RuntimeProfile": ""}


class Asked(ast.NodeVisitor):
    """Collects (group, field) of every attribute that is read off a profile or one of its groups in a module."""

    def __init__(self) -> None:
        self.found: set[tuple[str, str]] = set()
        self.names: dict[str, str] = {}

    def group_of(self, node: ast.expr) -> str | None:
        """The group an expression stands for, "" for the profile itself; None for anything else."""
        if isinstance(node, ast.Name):
            return "" if node.id == "profile" else self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            if node.attr == "profile":
                return ""
            if node.attr in GROUPS and self.group_of(node.value) == "":
                return node.attr
            return self.names.get(node.attr)
        return None

    def visit_arg(self, node: ast.arg) -> None:
        if node.annotation is not None and ast.unparse(node.annotation) in GROUP_OF_CLASS:
            self.names[node.arg] = GROUP_OF_CLASS[ast.unparse(node.annotation)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if ast.unparse(node.annotation) in GROUP_OF_CLASS and isinstance(node.target, ast.Name):
            self.names[node.target.id] = GROUP_OF_CLASS[ast.unparse(node.annotation)]
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        group = self.group_of(node.value)
        for target in node.targets:
            if group is not None and isinstance(target, ast.Name | ast.Attribute):
                self.names[target.id if isinstance(target, ast.Name) else target.attr] = group
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        group = self.group_of(node.value)
        if group is not None:
            self.found.add((group, node.attr))
        self.generic_visit(node)


def modules() -> Iterator[Path]:
    for path in ROOT.rglob("*.py"):
        if not path.name.startswith("runtime_profile") and path.parent.name != "profiles":
            yield path


def asked() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for path in modules():
        visitor = Asked()
        visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
        found |= visitor.found
    return found


def test_every_switch_is_asked() -> None:
    found = asked()
    dead = [
        key
        for key, switch in switches().items()
        if switch.group not in ("rpcs", "wording") and (switch.group, switch.field) not in found
    ]

    assert dead == [], "wire it up, or take it out of kubesim/policy/runtime_profile.py and the profiles"


def test_the_search_finds_what_is_asked_and_nothing_else() -> None:
    visitor = Asked()
    visitor.visit(
        ast.parse(
            "def f(daemon: Daemon, images: ImageSwitches) -> None:\n"
            "    switches = daemon.profile.status\n"
            "    use(switches.conditions, images.size, daemon.profile.sandboxes.user_namespaces, other.texts)\n"
        )
    )

    assert visitor.found >= {("status", "conditions"), ("images", "size"), ("sandboxes", "user_namespaces")}
    assert ("", "texts") not in visitor.found


def test_only_words_depend_on_whose_words_are_used() -> None:
    """`texts` chooses sentences and their codes, in the rules that have both runtimes' sentences; nothing else."""
    compared = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Attribute) and side.attr in ("texts", "speaker") for side in sides):
                    compared.add(str(path.relative_to(ROOT)))

    assert compared == {"policy/image_volume.py", "runtime/refusal.py"}


def test_nobody_asks_who_a_profile_is() -> None:
    """Its name may be shown; nothing may depend on it."""
    compared: list[Any] = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                compared += [
                    (path.name, ast.unparse(node))
                    for side in sides
                    if isinstance(side, ast.Attribute) and ast.unparse(side).endswith("profile.name")
                ]

    assert compared == []
