"""cksum, crc32 and sum: the short checksums. Mirrors busybox: coreutils/cksum.c and coreutils/sum.c."""

from __future__ import annotations

import zlib

from kubesim.userland.applets.text_stream import BLOCK_BYTES, open_input
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_POLYNOMIAL = 0x04C11DB7


def _table() -> list[int]:
    """CRC32 of each byte, the highest bit first."""
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ _POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        table.append(crc)
    return table


_TABLE = _table()


def posix_crc(crc: int, data: bytes) -> int:
    """The CRC of POSIX over more data.

    >>> posix_crc(0, b"a") ^ 0
    3783443142
    """
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _TABLE[crc >> 24 ^ byte]
    return crc


async def run_cksum(process: Process) -> int:
    """CRC and size, with the size in the CRC."""
    return await _each(process, is_posix=True)


async def run_crc32(process: Process) -> int:
    """The CRC that zip uses, in hex."""
    return await _each(process, is_posix=False)


async def _each(process: Process, *, is_posix: bool) -> int:
    names = parse_options(process.argv, "").operands
    code = 0
    for name in names or ["-"]:
        try:
            file = open_input(process, name)
            try:
                crc, size = await _crc(process, file, is_posix=is_posix)
            finally:
                file.release()
        except FsError as error:
            await process.complain(
                f"{name}: {error.strerror}" if name == "-" else f"can't open '{name}': {error.strerror}"
            )
            code = 1
            continue
        shown = f"{crc} {size}" if is_posix else f"{crc:08x}"
        await process.say(f"{shown} {name}\n" if names else f"{shown}\n")
    return code


async def _crc(process: Process, file: OpenFile, *, is_posix: bool) -> tuple[int, int]:
    crc = size = 0
    while data := await process.read_from(file, 4096 if is_posix else BLOCK_BYTES):
        size += len(data)
        crc = posix_crc(crc, data) if is_posix else zlib.crc32(data, crc)
        await process.step()
    if not is_posix:
        return crc, size
    return posix_crc(crc, size.to_bytes((size.bit_length() + 7) // 8, "little")) ^ 0xFFFFFFFF, size


async def run_sum(process: Process) -> int:
    """BSD's sum, or with -s that of System V."""
    options = parse_options(process.argv, "sr")
    is_sysv = "s" in options and "r" not in options
    names = options.operands
    code = 0
    for name in names or ["-"]:
        try:
            file = open_input(process, name)
        except FsError as error:
            await process.complain(f"can't open '{name}': {error.strerror}")
            code = 1
            continue
        try:
            checksum, size = await _sum(process, file, is_sysv=is_sysv)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        finally:
            file.release()
        shown_name = name if names and (is_sysv or len(names) > 1) else ""
        if is_sysv:
            await process.say(f"{checksum} {-(-size // 512)} {shown_name}\n")
        else:
            await process.say(f"{checksum:05d} {-(-size // 1024):5d} {shown_name}\n")
    return code


async def _sum(process: Process, file: OpenFile, *, is_sysv: bool) -> tuple[int, int]:
    total = size = 0
    while data := await process.read_from(file, 4096):
        size += len(data)
        if is_sysv:
            total += sum(data)
        else:
            for byte in data:
                total = ((total >> 1) + ((total & 1) << 15) + byte) & 0xFFFF
        await process.step()
    if is_sysv:
        total = (total & 0xFFFF) + ((total & 0xFFFFFFFF) >> 16)
        total = (total & 0xFFFF) + (total >> 16)
    return total, size
