"""CriError carries a gRPC status and shows its message."""

import copy
import pickle
from collections.abc import Callable

import pytest

from kubesim.cri import errors
from kubesim.cri.errors import Code, CriError
from kubesim.errors import KubesimError

# grpc/grpc doc/statuscodes.md and grpc-go codes/code_string.go.
CODES = [
    (0, "OK", "OK"),
    (1, "CANCELLED", "Canceled"),
    (2, "UNKNOWN", "Unknown"),
    (3, "INVALID_ARGUMENT", "InvalidArgument"),
    (4, "DEADLINE_EXCEEDED", "DeadlineExceeded"),
    (5, "NOT_FOUND", "NotFound"),
    (6, "ALREADY_EXISTS", "AlreadyExists"),
    (7, "PERMISSION_DENIED", "PermissionDenied"),
    (8, "RESOURCE_EXHAUSTED", "ResourceExhausted"),
    (9, "FAILED_PRECONDITION", "FailedPrecondition"),
    (10, "ABORTED", "Aborted"),
    (11, "OUT_OF_RANGE", "OutOfRange"),
    (12, "UNIMPLEMENTED", "Unimplemented"),
    (13, "INTERNAL", "Internal"),
    (14, "UNAVAILABLE", "Unavailable"),
    (15, "DATA_LOSS", "DataLoss"),
    (16, "UNAUTHENTICATED", "Unauthenticated"),
]


def test_the_codes_are_those_of_grpc() -> None:
    assert [(code.value, code.name, code.go_name) for code in Code] == CODES


def test_the_text_of_an_error_is_its_message() -> None:
    error = CriError(Code.NOT_FOUND, 'container "x": not found')

    assert str(error) == error.message == 'container "x": not found'
    assert error.code is Code.NOT_FOUND
    assert isinstance(error, KubesimError)


def test_a_go_client_shows_code_and_message() -> None:
    error = errors.unknown("failed to reserve sandbox name")

    assert error.go_text == "rpc error: code = Unknown desc = failed to reserve sandbox name"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (errors.unknown, Code.UNKNOWN),
        (errors.not_found, Code.NOT_FOUND),
        (errors.deadline_exceeded, Code.DEADLINE_EXCEEDED),
        (errors.unimplemented, Code.UNIMPLEMENTED),
    ],
)
def test_short_forms(make: Callable[[str], CriError], code: Code) -> None:
    error = make("why")

    assert (error.code, error.message) == (code, "why")


def test_an_error_is_never_ok() -> None:
    with pytest.raises(ValueError, match="an error cannot have the code OK; its message is 'fine'"):
        CriError(Code.OK, "fine")


def test_errors_can_be_copied_and_pickled() -> None:
    for error in (CriError(Code.ABORTED, "why"),):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert (twin.code, twin.message, str(twin)) == (Code.ABORTED, "why", "why")
