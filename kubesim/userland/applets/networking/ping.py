"""ping: is an address alive?

Mirrors busybox: networking/ping.c. A reply takes no time here; busybox prints what it measured, 0.000 ms.
"""

from __future__ import annotations

from kubesim.kernel import Event, timeout
from kubesim.userland.files.credentials import CAP_NET_RAW
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGINT

ICMP_HEADER_BYTES = 8
SIZE_MAX = 65535
TIMED_SIZE_BYTES = 4
"""From this many data bytes on a packet has room for the time it was sent."""

_SECOND = 1_000_000_000
_LETTERS = "46c:s:t:w:W:i:I:qAp:"


async def run(process: Process) -> int:
    """Send a request each second until -c or -w end it, or SIGINT, and print who answered."""
    options = parse_options(process.argv, _LETTERS)
    if len(options.operands) != 1:
        raise UsageError
    host = options.operands[0]
    if "A" in options or "I" in options or "p" in options:
        letter = next(letter for letter in "AIp" if letter in options)
        await process.complain(f"option -{letter} is not emulated")
        return 1
    count = await _number(process, options, "c", 0)
    size_bytes = await _number(process, options, "s", 56)
    if size_bytes > SIZE_MAX:
        await process.complain(f"number {size_bytes} is not in 0..{SIZE_MAX} range")
        return 1
    limit_seconds = await _number(process, options, "w", 0)
    wait_seconds = await _number(process, options, "W", 10)
    interval_ns = await _interval_ns(process, options)
    try:
        addresses = await resolve(process, host)
    except NameUnknown:
        addresses = []
    if "4" in options or "6" in options:
        addresses = [ip for ip in addresses if (":" in ip) == ("6" in options)]
    if not addresses:
        await process.complain(f"bad address '{host}'")
        return 1
    ip = addresses[0]
    await process.say(f"PING {host} ({ip}): {size_bytes} data bytes\n")
    if not process.credentials.has(CAP_NET_RAW):
        await process.complain("permission denied (are you root?)")
        return 1
    pinger = _Pinger(process, host, ip, size_bytes, is_quiet="q" in options)
    process.handlers[SIGINT] = lambda _: pinger.is_over.set()
    try:
        async with timeout(limit_seconds * _SECOND if limit_seconds else 1 << 62):
            await pinger.ping(count, interval_ns, wait_seconds * _SECOND)
    except TimeoutError:
        pass
    await pinger.summarize()
    return 0 if pinger.received_count else 1


class _Pinger:
    def __init__(self, process: Process, host: str, ip: str, size_bytes: int, *, is_quiet: bool) -> None:
        self._process = process
        self._host = host
        self._ip = ip
        self._size_bytes = size_bytes
        self._is_quiet = is_quiet
        self._sent_count = 0
        self.received_count = 0
        self.is_over = Event()

    async def ping(self, count: int, interval_ns: int, wait_ns: int) -> None:
        """Until `count` requests are answered, or the last of them was waited for."""
        while not self.is_over.is_set:
            await self._send()
            if count and self._sent_count >= count:
                if self.received_count < count:
                    await self._pause(wait_ns)
                return
            await self._pause(interval_ns)

    async def _pause(self, delay_ns: int) -> None:
        try:
            async with timeout(delay_ns):
                await self.is_over.wait()
        except TimeoutError:
            return

    async def _send(self) -> None:
        number = self._sent_count
        try:
            is_answered = self._process.network.answers_ping(self._ip)
        except FsError as error:
            await self._process.complain(f"sendto: {error.strerror}")
            raise ProcessExit(1) from None
        self._sent_count += 1
        if not is_answered:
            return
        self.received_count += 1
        if not self._is_quiet:
            time = " time=0.000 ms" if self._size_bytes >= TIMED_SIZE_BYTES else ""
            size_bytes = self._size_bytes + ICMP_HEADER_BYTES
            await self._process.say(f"{size_bytes} bytes from {self._ip}: seq={number} ttl=64{time}\n")

    async def summarize(self) -> None:
        """The last lines."""
        sent, received = self._sent_count, self.received_count
        loss = f"{(sent - received) * 100 // sent}% packet loss" if sent else "0% packet loss"
        text = (
            f"\n--- {self._host} ping statistics ---\n{sent} packets transmitted, {received} packets received, {loss}\n"
        )
        if received and self._size_bytes >= TIMED_SIZE_BYTES:
            text += "round-trip min/avg/max = 0.000/0.000/0.000 ms\n"
        await self._process.say(text)


async def _number(process: Process, options: Options, letter: str, default: int) -> int:
    if letter not in options:
        return default
    text = options.values[letter]
    if not (text.isascii() and text.isdecimal()):
        await process.complain(f"invalid number '{text}'")
        raise ProcessExit(1)
    return int(text)


async def _interval_ns(process: Process, options: Options) -> int:
    text = options.values.get("i", "1")
    whole, _, part = text.partition(".")
    if not (whole + part).isdecimal():
        await process.complain(f"invalid number '{text}'")
        raise ProcessExit(1)
    return max(int(float(text) * 1000), 1) * 1_000_000
