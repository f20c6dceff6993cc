"""Random pulls, moved tags and removals, against a second implementation that is slow and takes the rules word by word.

The second one keeps a list of references (containerd) or of names for each image (CRI-O), and searches it from end to
end; it shares nothing with the store but the names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

REPOSITORIES = ("r.example:5000/r", "q.example/q")
TAGS = tuple(f"{repository}:{tag}" for repository in REPOSITORIES for tag in (1, 2))
CONTENTS = range(4)
"""The first two have one config, and so one id, under two manifests."""

Row = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Id without its algorithm, repo tags, repo digests."""


def repository_of(name: str) -> str:
    if "@" in name:
        return name.split("@", maxsplit=1)[0]
    return name[: name.rindex(":")]


class ContainerdModel:
    """Every reference with the id it leads to; the id is one of the references."""

    def __init__(self) -> None:
        self.references: list[tuple[str, str]] = []

    def pull(self, name: str, image_id: str, digest: str) -> None:
        names = [image_id, f"{repository_of(name)}@{digest}"]
        if "@" not in name:
            names.append(name)
        for written in names:
            self.references = [(other, target) for other, target in self.references if other != written]
            self.references.append((written, image_id))

    def ids(self) -> list[str]:
        return [name for name, target in self.references if name == target]

    def resolve(self, key: str) -> str | None:
        for name, target in self.references:
            if name == key:
                return target
        found = [image_id for image_id in self.ids() if image_id.startswith(key.removeprefix("sha256:"))]
        return found[0] if len(found) == 1 else None

    def remove(self, key: str) -> None:
        image_id = self.resolve(key)
        self.references = [(name, target) for name, target in self.references if target != image_id]

    def row(self, image_id: str, *, in_list: bool) -> Row:
        names = [name for name, target in self.references if target == image_id and name != image_id]
        tags = tuple(sorted(name for name in names if "@" not in name))
        return image_id, tags, tuple(sorted(name for name in names if "@" in name))


class CrioModel:
    """Every image with its names and digests, and the names it ever had, the newest first."""

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []

    def pull(self, name: str, image_id: str, digest: str) -> None:
        for image in self.images:
            if image["id"] != image_id and name in image["names"]:
                image["names"].remove(name)
        if image_id not in self.ids():
            self.images.append({"id": image_id, "names": [], "digests": [], "history": [], "first": digest})
        image = self._image(image_id)
        if name not in image["names"]:
            image["names"].append(name)
        if digest not in image["digests"]:
            image["digests"].append(digest)
        image["history"].insert(0, name)

    def ids(self) -> list[str]:
        return [image["id"] for image in self.images]

    def _image(self, image_id: str) -> dict[str, Any]:
        return next(image for image in self.images if image["id"] == image_id)

    def _by_name(self, key: str) -> str | None:
        for image in self.images:
            if key in image["names"]:
                return str(image["id"])
        for image in self.images:
            for name in image["names"]:
                for digest in image["digests"]:
                    if key == f"{repository_of(name)}@{digest}":
                        return str(image["id"])
        return None

    def resolve(self, key: str) -> str | None:
        if len(key) >= 3 and all(digit in "0123456789abcdef" for digit in key):
            found = [image_id for image_id in self.ids() if image_id.startswith(key)]
            if len(found) == 1:
                return found[0]
        return self._by_name(key)

    def remove(self, key: str) -> None:
        image_id = self.resolve(key)
        if image_id is None:
            return
        image = self._image(image_id)
        is_name = self._by_name(key) == image_id
        if is_name and [name for name in image["names"] if name != key]:
            image["names"] = [name for name in image["names"] if name != key]
        else:
            self.images.remove(image)

    def row(self, image_id: str, *, in_list: bool) -> Row:
        image = self._image(image_id)
        digests = {name for name in image["names"] if "@" in name}
        for name in image["names"]:
            digests |= {f"{repository_of(name)}@{digest}" for digest in image["digests"]}
        if not digests and in_list:
            digests = {f"{image['history'][0].split(':')[0]}@{image['first']}"}
        return image_id, tuple(sorted(name for name in image["names"] if "@" not in name)), tuple(sorted(digests))


class ImageMachine(RuleBasedStateMachine):
    """A node beside the model of its runtime; the registries are the catalogue's."""

    profile = ""
    new_node: Any = None
    new_image: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.contents = [
            type(self).new_image(
                f"base.example/content:{number}",
                marker=str(max(number, 1)),
                is_present=False,
                digest=f"sha256:{number}".ljust(71, "e"),
            )
            for number in CONTENTS
        ]
        assert len({image.id for image in self.contents}) == len(CONTENTS) - 1
        self.node = type(self).new_node(self.profile, images=tuple(self.contents))
        self.model: Any = CrioModel() if self.profile.startswith("cri-o") else ContainerdModel()
        self.registry: dict[str, int] = {}
        """What a name means there; a digest is known in every repository in which a tag ever meant it."""

    def keys(self) -> Iterator[str]:
        yield from TAGS
        for image in self.contents:
            bare_id = image.id.removeprefix("sha256:")
            yield from (image.id, bare_id, bare_id[:12])
            yield from (f"{repository}@{image.digest}" for repository in REPOSITORIES)

    @rule(tag=st.sampled_from(TAGS), number=st.sampled_from(CONTENTS))
    def move_tag(self, tag: str, number: int) -> None:
        self.node.runtime.tag_image(tag, f"base.example/content:{number}")
        self.registry[tag] = number
        self.registry[f"{repository_of(tag)}@{self.contents[number].digest}"] = number

    @rule(data=st.data())
    def pull(self, data: Any) -> None:
        if not self.registry:
            return
        name = data.draw(st.sampled_from(sorted(self.registry)))
        image = self.contents[self.registry[name]]
        self.node.do(self.node.pulling(name))
        self.model.pull(name, image.id.removeprefix("sha256:"), image.digest)

    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        key = data.draw(st.sampled_from(list(self.keys())))
        self.node.do(self.node.removing_image(key))
        self.model.remove(self._known(key))

    def _known(self, key: str) -> str:
        """The key without the algorithm, where that makes an id of it."""
        return key if isinstance(self.model, CrioModel) else key.removeprefix("sha256:")

    @invariant()
    def the_list_is_the_models(self) -> None:
        shown = sorted(_row(image) for image in self.node.images())
        assert shown == sorted(self.model.row(image_id, in_list=True) for image_id in self.model.ids())

    @invariant()
    def every_key_leads_where_the_model_says(self) -> None:
        for key in self.keys():
            shown = self.node.image_of(key)
            image_id = self.model.resolve(self._known(key))
            expected = None if image_id is None else self.model.row(image_id, in_list=False)
            assert (None if shown is None else _row(shown)) == expected, key


def _row(image: Any) -> Row:
    return image.id.removeprefix("sha256:"), tuple(image.repo_tags), tuple(image.repo_digests)


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36", "cri-o-1.28"])
def test_the_store_keeps_the_rules(new_node: Any, new_image: Any, profile: str) -> None:
    attributes = {"profile": profile, "new_node": staticmethod(new_node), "new_image": staticmethod(new_image)}
    machine = type("Machine", (ImageMachine,), attributes)
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=20, deadline=None))


STEPS = (
    # what happens, then tags and digests of I, in the words of the walk-through; None: I is not there
    ("pull r:1", ["r:1"], ["r@D"]),
    ("pull r:2", ["r:1", "r:2"], ["r@D"]),
    ("pull q:1", ["q:1", "r:1", "r:2"], ["q@D", "r@D"]),
    ("move r:1", ["q:1", "r:1", "r:2"], ["q@D", "r@D"]),
    ("pull r:1", ["q:1", "r:2"], ["q@D", "r@D"]),
    ("pull r@D", ["q:1", "r:2"], ["q@D", "r@D"]),
)


@pytest.mark.parametrize(
    ("profile", "after_removal"),
    [("containerd-2.3", None), ("cri-o-1.36", (["r:2"], ["r@D"]))],
)
def test_the_walk_through(new_node: Any, new_image: Any, profile: str, after_removal: Any) -> None:
    names = {"r:1": "r.example/r:1", "r:2": "r.example/r:2", "q:1": "q.example/q:1"}
    image = new_image(*names.values(), marker="i", is_present=False)
    node = new_node(profile, images=(image, new_image("r.example/new:1", marker="j", is_present=False)))
    names |= {"r@D": f"r.example/r@{image.digest}", "q@D": f"q.example/q@{image.digest}"}
    bare_id = image.id.removeprefix("sha256:")
    short = {full: name for name, full in names.items()}

    def shown() -> Any:
        found = node.image_of(bare_id)
        if found is None:
            return None
        return [short[tag] for tag in found.repo_tags], [short[digest] for digest in found.repo_digests]

    for step, tags, digests in STEPS:
        call, name = step.split()
        if call == "pull":
            node.do(node.pulling(names[name]))
        else:
            node.runtime.tag_image(names[name], "r.example/new:1")
        assert shown() == (tags, digests), step
    node.do(node.removing_image(names["q:1"]))
    assert shown() == after_removal
    assert (node.image_of(names["r:2"]) is None) is (after_removal is None)
