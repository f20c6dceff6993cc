"""Runtime profiles: the built-in ones, one file each, and those a user writes.

A name is a file here (`containerd-2.3`), that at a patch level (`containerd-2.0.3`), or the path of a user's own file.
The format of the files is that of `kubesim.policy.runtime_profile_layers`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from kubesim.errors import InputError
from kubesim.model.mistakes import nearest
from kubesim.model.yaml_text import load_document
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.runtime_profile_layers import ProfileLayer, build_profile, read_layer
from kubesim.policy.runtime_profile_report import compare_profiles, describe_profile

__all__ = ["DEFAULT_PROFILE", "compare_profiles", "describe_profile", "load_profile", "patch_levels", "profile_names"]

DEFAULT_PROFILE = "containerd-2.3"
"""The newest version of the runtime most nodes have."""

_SUFFIX = ".yaml"
_FILE_SUFFIXES = (".yaml", ".yml")
_PATCH = re.compile(r"(?P<name>.+-[0-9]+\.[0-9]+)\.(?P<patch>[0-9]{1,4})")
_FILES_MAX = 16
"""How many files may extend one another before a built-in profile is reached."""


@cache
def profile_names() -> tuple[str, ...]:
    """The built-in profiles, oldest first, `ideal` last. Each versioned one also takes patch levels."""
    names = [entry.name.removesuffix(_SUFFIX) for entry in files(__name__).iterdir() if entry.name.endswith(_SUFFIX)]
    return tuple(sorted(names, key=_by_version))


def patch_levels(name: str) -> range:
    """The patch levels of a built-in profile; empty when it has none.

    Raises:
        InputError: there is no such profile.
    """
    newest = _built_in(name).newest_patch
    return range(0) if newest is None else range(newest + 1)


def load_profile(name_or_path: str) -> RuntimeProfile:
    """The profile of a name, or of a file whose name ends in `.yaml` or `.yml`.

    Raises:
        InputError: there is no such profile, patch level or file, with the nearest names; or the file is wrong.
    """
    if name_or_path.endswith(_FILE_SUFFIXES):
        layer = _read_file(name_or_path)
        return build_profile(layer.name, _chain(layer, None, path=name_or_path))
    return _load_built_in(name_or_path)


@cache
def _load_built_in(name: str) -> RuntimeProfile:
    layer, patch = _named(name, where="")
    return build_profile(name, _chain(layer, patch, path=""))


def _chain(layer: ProfileLayer, patch: int | None, *, path: str) -> list[tuple[ProfileLayer, int | None]]:
    """The layers from the root to this one, each with its patch level; `path` is the file of this one, if it has one.

    A file may extend another one; its path counts from the folder of the file that names it.
    """
    chain = [(layer, layer.newest_patch if patch is None else patch)]
    files_seen = [Path(path).resolve()] if path else []
    while child := chain[-1][0].extends:
        where = chain[-1][0].extends_where
        if child.endswith(_FILE_SUFFIXES) and files_seen:
            file = files_seen[-1].parent / child
            if file.resolve() in files_seen:
                raise InputError(f"profile {child!r} extends itself", where=where, hint="extend a built-in profile")
            if len(files_seen) == _FILES_MAX:
                raise InputError(f"more than {_FILES_MAX} files extend one another", where=where)
            parent, parent_patch = _read_file(str(file), where=where), None
            files_seen.append(file.resolve())
        else:
            parent, parent_patch = _named(child, where=where)
        chain.append((parent, parent.newest_patch if parent_patch is None else parent_patch))
    return chain[::-1]


def _named(name: str, *, where: str) -> tuple[ProfileLayer, int | None]:
    """The built-in layer of a name, and the patch level the name asks for."""
    if name in profile_names():
        return _built_in(name), None
    match = _PATCH.fullmatch(name)
    if match is None or match["name"] not in profile_names():
        raise _unknown(name, where=where)
    layer, patch = _built_in(match["name"]), int(match["patch"])
    newest = layer.newest_patch
    if newest is None or patch > newest:
        hint = f"kubesim knows {layer.name}.0 to {layer.name}.{newest}; {layer.name} is the newest of them"
        raise InputError(f"unknown patch level of profile {name!r}", where=where, hint=hint)
    return layer, patch


def _unknown(name: str, *, where: str) -> InputError:
    hint = f"known profiles: {', '.join(profile_names())}; or the path of a {_SUFFIX} file"
    return InputError(f"unknown profile {name!r}{nearest(name, profile_names())}", where=where, hint=hint)


@cache
def _built_in(name: str) -> ProfileLayer:
    if name not in profile_names():
        raise _unknown(name, where="")
    text = files(__name__).joinpath(name + _SUFFIX).read_text(encoding="utf-8")
    return read_layer(load_document(text, name=name + _SUFFIX))


def _read_file(path: str, *, where: str = "") -> ProfileLayer:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        hint = "give the path of a profile, or one of: " + ", ".join(profile_names())
        what = "the profile" if not where else f"the profile {path}"
        raise InputError(f"cannot read {what}: {error.strerror}", where=where or path, hint=hint) from error
    return read_layer(load_document(text, name=path))


def _by_version(name: str) -> tuple[bool, str, tuple[int, ...]]:
    family, _, version = name.rpartition("-")
    return (not family, family, tuple(int(part) for part in version.split(".")) if family else ())
