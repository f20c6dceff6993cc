"""What goes wrong between us and a registry.

    InputError
    └── RegistryError       a reference cannot be had: which, at which step, and why

Within this package failures are raised as `RequestFailed`, by code that knows neither reference nor step; `during`
adds them at the border.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kubesim.errors import InputError
from kubesim.policy.registry_words import RegistryAnswer

FailureKind = Literal[
    "not-found",  # there is no such manifest or blob
    "unauthorized",  # it wants another login, or one at all
    "status",  # an answer that is neither
    "unreachable",  # no connection, or one that broke
    "too-slow",  # nothing came, or next to nothing
    "malformed",  # an answer that makes no sense
    "too-large",  # more than is taken
    "digest-mismatch",
    "size-mismatch",
    "no-platform",
    "redirects",
    "storage",  # it cannot be written down here
    "stopped",  # whoever wanted it does not any more
]

Cause = Literal[
    "",
    "refused",
    "no-such-host",
    "no-route",
    "timed-out",
    "no-answer",
    "reset",
    "ended",
    "unknown-authority",
    "certificate",
    "no-tls",
    "tls",
]
"""Why a server could not be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure, with the facts that a runtime's message is made of; those that do not apply are empty."""

    kind: FailureKind
    what: str
    """In our own words, with the URL where there is one."""
    hint: str = ""
    method: str = ""
    url: str = ""
    answer: RegistryAnswer | None = None
    """What the server said, if it said anything."""
    had_login: bool = False
    """Whether a login was presented."""
    challenge: Literal["", "basic", "bearer"] = ""
    """What it asked for when it refused."""
    challenge_error: str = ""
    """What it said in its challenge, such as `insufficient_scope`."""
    is_token_service: bool = False
    """Whether it was not the registry that refused, but whoever gives tokens for it."""
    cause: Cause = ""
    address: str = ""
    """Host and port that were dialled, such as `127.0.0.1:5000`."""
    detail: str = ""
    """The words of the operating system or of OpenSSL."""
    digest: str = ""
    media_type: str = ""
    """Of the blob."""
    is_of_index: bool = False
    """Whether the blob's manifest was chosen from an index."""
    found: str = ""
    """The digest or size that was there instead."""
    expected: str = ""


class RequestFailed(Exception):
    """A failure on its way to `during`."""

    def __init__(self, failure: Failure, *, retry_after_seconds: float | None = None, may_pass: bool = False) -> None:
        """`may_pass` says that the same request may succeed later."""
        super().__init__(failure.what)
        self.failure = failure
        self.retry_after_seconds = retry_after_seconds
        self.may_pass = may_pass


class RegistryError(InputError):
    """A reference cannot be had from its registries. `where` is the reference, `what` begins with the step."""

    def __init__(self, reference: str, step: str, failure: Failure) -> None:
        super().__init__(f"{step}: {failure.what}", where=reference, hint=failure.hint)
        self.reference = reference
        self.step = step
        self.failure = failure


def refusal_text(url: str, answer: RegistryAnswer) -> str:
    """A refusal in our own words: `URL: 404 Not Found: manifest unknown`."""
    text = f"{url}: {answer.status_text}"
    return f"{text}: {answer.message}" if answer.message else text


@contextlib.contextmanager
def during(step: str, reference: str) -> Iterator[None]:
    """Make the failures of a block errors about `reference`. `step` is such as `manifest` or `layer 2 of 5`."""
    try:
        yield
    except RequestFailed as error:
        raise RegistryError(reference, step, error.failure) from error
