"""Runtime profiles: the built-in ones, one file each, and those a user writes.

A name is a file here (`containerd-2.3`), that at a patch level (`containerd-2.0.3`), or the path of a user's own file.
The format of the files is that of `kubesim.policy.runtime_profile_layers`. The newest patch level of each is also here
as values, in `compiled/`, which `scripts/genprofiles` writes: a server that starts needs one profile and no YAML.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kubesim.errors import InputError
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.runtime_profile_compiled import restored

if TYPE_CHECKING:
    # Loaded where it is used: the layers bring YAML and the checks of every type with them.
    from kubesim.policy.runtime_profile_layers import ProfileLayer

__all__ = ["COMPILED", "DEFAULT_PROFILE", "load_profile", "patch_levels", "profile_from_document", "profile_names"]

DEFAULT_PROFILE = "containerd-2.3"
"""The newest version of the runtime most nodes have."""

_HERE = Path(__file__).parent
COMPILED = _HERE / "compiled"
"""The built-in profiles as values, one file each."""

_SUFFIX = ".yaml"
_FILE_SUFFIXES = (".yaml", ".yml")
_PATCH = re.compile(r"(?P<name>.+-[0-9]+\.[0-9]+)\.(?P<patch>[0-9]{1,4})")
_FILES_MAX = 16
"""How many files may extend one another before a built-in profile is reached."""


@cache
def profile_names() -> tuple[str, ...]:
    """The built-in profiles, oldest first, `ideal` last. Each versioned one also takes patch levels."""
    return tuple(sorted((entry.stem for entry in _HERE.glob(f"*{_SUFFIX}")), key=_by_version))


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
        from kubesim.policy.runtime_profile_layers import build_profile

        layer = _read_file(name_or_path)
        return build_profile(layer.name, _chain(layer, None, path=name_or_path))
    return _load_built_in(name_or_path)


@cache
def _load_built_in(name: str) -> RuntimeProfile:
    if name in profile_names():
        return restored(json.loads((COMPILED / f"{name}.json").read_bytes()))
    return profile_from_document(name)


def profile_from_document(name: str) -> RuntimeProfile:
    """A built-in profile, at any patch level, from the documents. Raises InputError as `load_profile`."""
    from kubesim.policy.runtime_profile_layers import build_profile

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
    from kubesim.model.mistakes import nearest

    hint = f"known profiles: {', '.join(profile_names())}; or the path of a {_SUFFIX} file"
    return InputError(f"unknown profile {name!r}{nearest(name, profile_names())}", where=where, hint=hint)


@cache
def _built_in(name: str) -> ProfileLayer:
    if name not in profile_names():
        raise _unknown(name, where="")
    return _read_layer((_HERE / f"{name}{_SUFFIX}").read_bytes(), name=name + _SUFFIX)


def _read_file(path: str, *, where: str = "") -> ProfileLayer:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        hint = "give the path of a profile, or one of: " + ", ".join(profile_names())
        what = "the profile" if not where else f"the profile {path}"
        raise InputError(f"cannot read {what}: {error.strerror}", where=where or path, hint=hint) from error
    return _read_layer(text, name=path)


def _read_layer(text: bytes, *, name: str) -> ProfileLayer:
    from kubesim.model.yaml_text import load_document
    from kubesim.policy.runtime_profile_layers import read_layer

    return read_layer(load_document(text, name=name))


def _by_version(name: str) -> tuple[bool, str, tuple[int, ...]]:
    family, _, version = name.rpartition("-")
    return (not family, family, tuple(int(part) for part in version.split(".")) if family else ())
