"""How a node serves streams: where, for how long without a byte, and with which certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubesim.errors import InputError
from kubesim.server.address import TcpAddress, parse_address

IDLE_NS = 4 * 3600 * 1_000_000_000
"""Mirrors containerd: internal/cri/config/config.go, StreamIdleTimeout; CRI-O has the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTls:
    """A certificate for https URLs: files in PEM, or None for one that is made for this run."""

    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """`address` with port 0 takes a free one. Without `tls` the URLs are http."""

    address: TcpAddress = field(default=TcpAddress("127.0.0.1", 0))
    idle_ns: int = IDLE_NS
    tls: StreamTls | None = None


def stream_address(text: str, *, nodes_count: int, allow_remote: bool) -> TcpAddress:
    """The address of `--stream-address`. Raises InputError."""
    option = "--stream-address"
    try:
        address = parse_address(text)
    except InputError as error:
        raise InputError(error.what, where=option, hint="use tcp://127.0.0.1:PORT") from error
    if not isinstance(address, TcpAddress):
        raise InputError(f'"{text}" is no TCP address', where=option, hint="use tcp://127.0.0.1:PORT")
    if not (address.is_loopback or allow_remote):
        what = f"{address} can be reached from other machines"
        raise InputError(what, where=option, hint="use tcp://127.0.0.1:PORT, or add --allow-remote")
    if address.port and nodes_count > 1:
        what = f"{nodes_count} nodes cannot share the port {address.port}"
        raise InputError(what, where=option, hint="use port 0, which gives each node its own")
    return address


def stream_idle_ns(text: str) -> int:
    """The nanoseconds of `--stream-idle-timeout`. Raises InputError."""
    from kubesim.model.duration import parse_duration

    option = "--stream-idle-timeout"
    try:
        idle_ns = parse_duration(text)
    except InputError as error:
        raise InputError(error.what, where=option, hint=error.hint) from error
    if idle_ns <= 0:
        raise InputError(f'"{text}" is no time to wait', where=option, hint='expected e.g. "4h"')
    return idle_ns


def stream_tls(files: Sequence[Path] | None) -> StreamTls | None:
    """The certificate of `--stream-tls [CERTIFICATE KEY]`; None when the option is not there. Raises InputError."""
    if files is None:
        return None
    if len(files) not in (0, 2):
        hint = "name a certificate and its key, or none for one that is made"
        raise InputError(f"takes no file or two, not {len(files)}", where="--stream-tls", hint=hint)
    return StreamTls(certificate=files[0], key=files[1]) if files else StreamTls()
