"""factor: the primes of numbers below 2^64."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from kubesim.userland.applets.text_stream import LineReader
from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process

_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
"""Enough to tell every prime below 2^64."""


async def run(process: Process) -> int:
    """Factor the arguments, or the words of standard input."""
    words = process.argv[1:]
    if words:
        for word in words:
            await _print(process, word.lstrip())
        return 0
    async for line in LineReader(process, process.open_file_of(0), takes_errors_for_end=True).lines():
        for piece in line.split():
            await _print(process, piece.decode("latin-1"))
    return 0


async def _print(process: Process, word: str) -> None:
    if not (word.isascii() and word.isdecimal()) or len(word) > 20 or int(word) >= 2**64:
        raise UsageError
    number = int(word)
    factors = sorted(_factors(number)) if number > 1 else []
    await process.step()
    await process.say(f"{number}:{''.join(f' {factor}' for factor in factors)}\n")


def _factors(number: int) -> Iterator[int]:
    """The prime factors in any order."""
    for prime in _WITNESSES:
        while number % prime == 0:
            yield prime
            number //= prime
    pending = [number] if number > 1 else []
    while pending:
        rest = pending.pop()
        if _is_prime(rest):
            yield rest
        else:
            divisor = _divisor(rest)
            pending += [divisor, rest // divisor]


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test, exact for numbers of 64 bits without small factors."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for witness in _WITNESSES:
        if number == witness:
            return True
        value = pow(witness, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def _divisor(number: int) -> int:
    """A divisor of a number that is not prime; Pollard's rho, at most some ten thousand steps for 64 bits."""
    for offset in range(1, number):
        slow = fast = 2
        found = 1
        while found == 1:
            slow = (slow * slow + offset) % number
            fast = (fast * fast + offset) % number
            fast = (fast * fast + offset) % number
            found = gcd(slow - fast, number)
        if found != number:
            return found
    raise AssertionError("unreachable: a number that is not prime has a divisor")
