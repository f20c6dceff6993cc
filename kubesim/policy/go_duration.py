"""The model's Go duration text under its first name; kubelet/pleg.py still asks for it here."""

from __future__ import annotations

from kubesim.model.duration import format_duration as go_duration

__all__ = ["go_duration"]
