"""Profile documents, and how they stack up to a RuntimeProfile.

A document names its parent and states what it changes, each change with a reason. A change may hold for some patch
levels only. A parent counts as it is in its newest patch level, unless the child names another one.

    apiVersion: kubesim/v1
    kind: RuntimeProfile
    metadata: {name: containerd-2.0}
    spec:
      extends: containerd-1.7        # absent in a root, which sets every switch
      newestPatch: 11                # the patch levels 0 to 11 exist; absent when there are none
      changes:
        - why: containerd 2.0 knows supplementalGroupsPolicy
          reference: KEP-3619
          sincePatch: 0              # from this patch level on
          beforePatch: 12            # up to, but without, this one
          set: {identity: {knowsPolicy: true}}
          deviations: [{id: own-name-group, text: ..., reference: containerd#11937}]
          fixes: []                  # ids of the parent's deviations that are gone
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from kubesim.errors import InputError
from kubesim.model.convert import convert, error_at
from kubesim.model.mistakes import find_mistakes, nearest
from kubesim.model.paths import Path
from kubesim.model.yaml_text import Document
from kubesim.policy.runtime_profile import Deviation, Reason, RuntimeProfile
from kubesim.policy.runtime_profile_schema import build, groups, switches


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What a document changes, why, and in which patch levels."""

    why: str
    reference: str
    since_patch: int
    before_patch: int | None
    settings: Mapping[str, Any]
    """A value for each key that changes."""
    deviations: tuple[Deviation, ...]
    fixes: tuple[str, ...]
    where: str
    """The place in the document, for messages."""

    def holds_at(self, patch: int | None) -> bool:
        """Whether the change holds at a patch level; None is later than any."""
        if patch is None:
            return self.before_patch is None
        return self.since_patch <= patch and (self.before_patch is None or patch < self.before_patch)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLayer:
    """One profile document."""

    name: str
    extends: str
    """The parent's name; empty for a root."""
    newest_patch: int | None
    changes: tuple[ProfileChange, ...]
    where: str
    extends_where: str


_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Patch = Annotated[int, msgspec.Meta(ge=0)]


class _DeviationDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: _Text
    text: _Text
    reference: str = ""


class _ChangeDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    why: _Text
    reference: str = ""
    since_patch: _Patch = 0
    before_patch: _Patch | None = None
    set: dict[str, Any] = {}
    deviations: list[_DeviationDocument] = []
    fixes: list[str] = []


class _Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: _Text


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    extends: str = ""
    newest_patch: _Patch | None = None
    changes: list[_ChangeDocument] = []


class _ProfileDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["kubesim/v1"]
    kind: Literal["RuntimeProfile"]
    metadata: _Metadata
    spec: _Spec


def read_layer(document: Document) -> ProfileLayer:
    """The layer a document describes.

    Raises:
        InputError: a key that does not exist, with the nearest one that does; a value of the wrong type; a key that is
            missing.
    """
    # A null is a value here: it says that a message does not have the field.
    read = convert(document, _ProfileDocument, null_is_absent=False)
    changes = []
    for index, change in enumerate(read.spec.changes):
        path: Path = ("spec", "changes", index)
        changes.append(
            ProfileChange(
                why=change.why,
                reference=change.reference,
                since_patch=change.since_patch,
                before_patch=change.before_patch,
                settings=MappingProxyType(dict(_settings(document, change.set, (*path, "set")))),
                deviations=tuple(
                    Deviation(id=item.id, text=item.text, reference=item.reference) for item in change.deviations
                ),
                fixes=tuple(change.fixes),
                where=document.where(path),
            )
        )
    return ProfileLayer(
        name=read.metadata.name,
        extends=read.spec.extends,
        newest_patch=read.spec.newest_patch,
        changes=tuple(changes),
        where=document.where(),
        extends_where=document.where(("spec", "extends")),
    )


def build_profile(name: str, layers: Sequence[tuple[ProfileLayer, int | None]]) -> RuntimeProfile:
    """The profile that the layers make, the root first; with each layer its patch level, None when it has none.

    Raises:
        InputError: a switch is set nowhere, or a change fixes a deviation that is not there.
    """
    values: dict[str, Any] = {}
    reasons: dict[str, Reason] = {}
    deviations: dict[str, Deviation] = {}
    for layer, patch in layers:
        for change in layer.changes:
            if not change.holds_at(patch):
                continue
            reason = Reason(why=change.why, reference=change.reference, layer=layer.name)
            for key, value in change.settings.items():
                values[key] = _version(value, patch, change) if key == "runtimeVersion" else value
                reasons[key] = reason
            for gone in change.fixes:
                if gone not in deviations:
                    what = f"fixes {gone!r}, which is no deviation here{nearest(gone, deviations)}"
                    raise InputError(what, where=change.where)
                del deviations[gone]
            deviations.update({deviation.id: deviation for deviation in change.deviations})
    missing = [key for key in switches() if key not in values]
    if missing:
        what = f"profile {name!r} does not set {', '.join(missing[:3])}" + (" ..." if len(missing) > 3 else "")
        hint = "a profile that extends none sets every switch; extend a built-in one"
        raise InputError(what, where=layers[-1][0].where if layers else "", hint=hint)
    return build(values, name=name, deviations=tuple(deviations.values()), reasons=MappingProxyType(reasons))


def _version(text: str, patch: int | None, change: ProfileChange) -> str:
    if "{patch}" in text and patch is None:
        raise InputError(
            f"runtimeVersion {text!r} needs a patch level", where=change.where, hint="set newestPatch in spec"
        )
    return text.replace("{patch}", str(patch))


def _settings(document: Document, value: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """The keys and values below `set`, checked."""
    for name, inner in value.items():
        here = (*path, name)
        if name in groups() and name:
            if not isinstance(inner, dict):
                raise error_at(document, here, "expected a mapping", hint=f"known keys: {', '.join(groups()[name])}")
            for inner_name, item in inner.items():
                if inner_name not in groups()[name]:
                    raise _unknown_key(document, (*here, inner_name), groups()[name])
                yield _checked(document, f"{name}.{inner_name}", item, (*here, inner_name))
        elif name in switches():
            yield _checked(document, name, inner, here)
        else:
            raise _unknown_key(document, here, (*groups()[""], *(group for group in groups() if group)))


def _unknown_key(document: Document, path: Path, known: Sequence[str]) -> InputError:
    name = str(path[-1])
    guess = nearest(name, known)
    hint = "" if guess else f"known keys: {', '.join(known)}"
    return error_at(document, path, f"unknown key {name!r}{guess}", hint=hint, at_key=True)


def _checked(document: Document, key: str, value: Any, path: Path) -> tuple[str, Any]:
    type_ = switches()[key].type
    for mistake in find_mistakes(value, type_):
        raise error_at(document, (*path, *mistake.path), mistake.what, hint=mistake.hint)
    return key, msgspec.convert(value, type_)
