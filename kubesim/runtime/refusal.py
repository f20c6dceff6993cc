"""How a refusal becomes an error: a row with a code and a template for each runtime.

A handler names the row and its facts. `{name!q}` in a template is Go's `%q`. The rows are in `sandbox_refusals`,
`container_refusals` and `image_refusals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal

from kubesim.cri.errors import Code, CriError
from kubesim.policy.go_quote import go_quote
from kubesim.policy.runtime_profile import WordingSwitches
from kubesim.runtime.id_index import Match

Speaker = Literal["containerd", "cri-o"]
"""Whose words are used: `RuntimeProfile.texts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A reason to say no: code and template of each runtime."""

    containerd_code: Code
    containerd: str
    crio_code: Code
    crio: str
    wording: str = ""
    """The field of WordingSwitches that has the template, where the versions of a runtime differ in it."""


def refusal(
    containerd: str, crio: str | None = None, *, code: Code = Code.UNKNOWN, crio_code: Code = Code.UNKNOWN
) -> Refusal:
    """A row. Without `crio`, both say the same: either they do, or only one of them ever gets there."""
    return Refusal(
        containerd_code=code,
        containerd=containerd,
        crio_code=code if crio is None else crio_code,
        crio=containerd if crio is None else crio,
    )


def worded(switch: str, *, code: Code = Code.UNKNOWN) -> Refusal:
    """A row whose template is the profile's: a field of WordingSwitches."""
    return Refusal(containerd_code=code, containerd="", crio_code=code, crio="", wording=switch)


class _GoFormatter(Formatter):
    """`str.format` with the conversion `!q`."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return go_quote(str(value)) if conversion == "q" else super().convert_field(value, conversion)


_FORMATTER = _GoFormatter()

_CONTAINERD_CAUSES: Mapping[Match, str] = {
    Match.MISSING: "not found",
    Match.EMPTY: "prefix can't be empty",
    Match.AMBIGUOUS: "Multiple IDs found with provided prefix: {prefix}",
}


def _crio_cause(noun: str, prefix: str, match: Match) -> str:
    if match is Match.EMPTY:
        return "container ID should not be empty" if noun == "container" else "PodSandboxId should not be empty"
    reason = "ID does not exist" if match is Match.MISSING else f"Multiple IDs found with provided prefix: {prefix}"
    return f"{'container' if noun == 'container' else 'PodSandbox'} with ID starting with {prefix} not found: {reason}"


class ErrorTexts:
    """The words of one runtime."""

    __slots__ = ("_wording", "speaker")

    def __init__(self, speaker: Speaker, wording: WordingSwitches) -> None:
        self.speaker = speaker
        self._wording = wording

    def refuse(self, row: Refusal, *, code: Code | None = None, **facts: object) -> CriError:
        """The error for a refusal. `code` overrides the row's, for an inner cause that brings its own."""
        if self.speaker == "containerd":
            own_code, template = row.containerd_code, row.containerd
        else:
            own_code, template = row.crio_code, row.crio
        if row.wording:
            template = getattr(self._wording, row.wording)
        facts["task_error_end"] = self._wording.task_error_end
        return CriError(code or own_code, _FORMATTER.vformat(template, (), facts))

    def refuse_lookup(self, row: Refusal, *, noun: str, prefix: str, match: Match) -> CriError:
        """The error for an id that leads nowhere. `noun` is `container` or `sandbox`.

        Mirrors containerd: internal/truncindex/truncindex.go; CRI-O: internal/lib/container.go,
        GetContainerFromShortID, and server/server.go, getPodSandboxFromRequest.
        """
        if self.speaker == "cri-o":
            return self.refuse(row, id=prefix, cause=_crio_cause(noun, prefix, match))
        # Only ErrNotFound has a code of its own; the errors of the index are plain ones.
        code = None if match is Match.MISSING else Code.UNKNOWN
        return self.refuse(row, code=code, id=prefix, cause=_CONTAINERD_CAUSES[match].format(prefix=prefix))
