"""How much a layer may ask for. A hostile one is refused before it takes the machine's memory or its day."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.errors import InputError

MIB = 1024 * 1024


class LayerError(InputError):
    """A layer that cannot be used. `where` names the layer, `what` the entry and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLimits:
    """Bounds of one layer. They are ours: real runtimes have hardly any."""

    entries_max: int = 1_000_000
    unpacked_bytes_max: int = 64 * 1024 * MIB
    ratio_max: int = 500
    """Unpacked bytes for each byte of the blob, looked at beyond `ratio_free_bytes`."""
    ratio_free_bytes: int = 256 * MIB
    file_bytes_max: int = 64 * 1024 * MIB
    """Length of one file; a sparse one can say any."""
    extents_max: int = 100_000
    """Parts of one sparse file."""
    records_bytes_max: int = MIB
    """Length of one pax header or long name."""


DEFAULT_LIMITS = LayerLimits()
