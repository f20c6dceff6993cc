"""The mounts of one container, by where they are."""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.userland.files.mounts import Mount


class MountTable:
    """Canonical paths with the mount on top of each; what a mount covers hangs below it."""

    __slots__ = ("by_path",)

    def __init__(self) -> None:
        self.by_path: dict[str, Mount] = {}

    def put(self, mount: Mount) -> None:
        """Mount on top of whatever is at the path."""
        mount.below = self.by_path.pop(mount.path, None)
        self.by_path[mount.path] = mount

    def take(self, path: str) -> Mount:
        """Take the topmost mount at a path away; the one below it shows again."""
        mount = self.by_path.pop(path)
        if mount.below is not None:
            self.by_path[path] = mount.below
        return mount

    def replace(self, mount: Mount, other: Mount) -> None:
        """Put another in the place of a topmost mount: one with other flags."""
        other.below = mount.below
        self.by_path[mount.path] = other

    def below(self, path: str) -> list[Mount]:
        """The mounts strictly below a path, in their order."""
        prefix = f"{path.rstrip('/')}/"
        return [mount for mount in self.all() if mount.path.startswith(prefix) and mount.path != path]

    def all(self) -> Iterator[Mount]:
        """Every mount, a covered one before what covers it."""
        for top in self.by_path.values():
            stack = [top]
            while (lower := stack[-1].below) is not None:
                stack.append(lower)
            yield from reversed(stack)

    def move(self, path: str, to_path: str) -> None:
        """A directory got another name: what is mounted below it goes along."""
        prefix = f"{path}/"
        for old in [point for point in self.by_path if point.startswith(prefix)]:
            top: Mount | None = self.by_path.pop(old)
            new = f"{to_path}/{old.removeprefix(prefix)}"
            assert top is not None, "it was just found"
            self.by_path[new] = top
            while top is not None:
                top.path = new
                top = top.below
