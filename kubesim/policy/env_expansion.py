"""`$(VAR)` in commands, arguments, variables and sub paths.

Mirrors kubelet: third_party/forked/golang/expansion/expand.go (Expand), pkg/kubelet/container/helpers.go
(ExpandContainerCommandAndArgs, ExpandContainerVolumeMounts) and pkg/kubelet/kubelet_pods.go (makeMounts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


class SubPathError(Exception):
    """A volumeMount's sub path can not be used; the container waits with CreateContainerConfigError and this text."""


def expand(text: str, lookup: Callable[[str], str]) -> str:
    """Replaces each `$(NAME)` by lookup(NAME); `$$` stands for one `$`, and anything else stays as it is."""
    parts = []
    position = 0
    while (dollar := text.find("$", position)) >= 0 and dollar + 1 < len(text):
        parts.append(text[position:dollar])
        follower = text[dollar + 1]
        end = text.find(")", dollar + 2) if follower == "(" else -1
        if end >= 0:
            parts.append(lookup(text[dollar + 2 : end]))
            position = end + 1
        else:
            # An escaped dollar, an unfinished reference, or a dollar that means nothing: two characters are consumed.
            parts.append("$" if follower == "$" else "$" + follower)
            position = dollar + 2
    return "".join(parts) + text[position:]


def expand_with(text: str, environment: Mapping[str, str]) -> str:
    """`text` with the variables of `environment`; a reference to an unknown variable stays as written."""
    return expand(text, lambda name: environment.get(name, f"$({name})"))


def expand_words(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """A command or its arguments with the container's variables."""
    return tuple([expand_with(word, environment) if "$" in word else word for word in words])


def expand_sub_path(expression: str, environment: Mapping[str, str]) -> str:
    """A volumeMount's subPathExpr with the container's variables.

    Raises:
        SubPathError: a variable is unset or empty.
    """
    missing = set()

    def value_of(name: str) -> str:
        value = environment.get(name, "")
        if not value:
            missing.add(name)
        return value

    expanded = expand(expression, value_of)
    if missing:
        raise SubPathError(f"missing value for {', '.join(sorted(missing))}")
    return expanded


def checked_sub_path(sub_path: str) -> str:
    """The sub path itself, when it stays inside the volume.

    Raises:
        SubPathError: it is absolute or has a `..` element.
    """
    if sub_path.startswith("/"):
        raise SubPathError(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in sub_path.split("/"):
        raise SubPathError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")
    return sub_path
