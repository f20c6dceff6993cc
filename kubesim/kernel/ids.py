"""Chance with a seed: numbers and ids that are the same in every run with the same seed."""

from __future__ import annotations

import hashlib
import random  # noqa: TID251 - this is the one module that may draw numbers


class Prng:
    """A seeded source of random numbers.

    `fork(name)` gives an independent source: a draw added in one place does not shift the draws of another.
    """

    __slots__ = ("_random", "_seed")

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        # SHA-256, because Python's own hash of a string differs between runs.
        digest = hashlib.sha256(self._seed.encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - reproducible on purpose

    def fork(self, name: str) -> Prng:
        """An independent source that depends only on this one's seed and on `name`."""
        return Prng(f"{self._seed}/{name}")

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return self._random.randrange(bound)

    def bits(self, count: int) -> int:
        """A whole number of `count` random bits."""
        return self._random.getrandbits(count)

    def jittered(self, duration_ns: int, factor: float) -> int:
        """A duration in [duration, duration * (1 + factor)), as Kubernetes' wait.Jitter draws it."""
        return duration_ns + int(self._random.random() * factor * duration_ns)


class Ids:
    """Ids in the forms that runtimes and the API server use."""

    __slots__ = ("_prng",)

    def __init__(self, prng: Prng) -> None:
        self._prng = prng

    def hex(self, digits: int = 64) -> str:
        """`digits` lower-case hex digits; 64 is the form of sandbox and container ids."""
        return f"{self._prng.bits(digits * 4):0{digits}x}"

    def uuid(self) -> str:
        """A random UUID (version 4), the form of pod uids."""
        bits = self._prng.bits(128)
        bits = bits & ~(0xF << 76) | 4 << 76
        bits = bits & ~(0x3 << 62) | 2 << 62
        text = f"{bits:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
