"""What the error stream says at the end, in every version of the protocol and both forms of the status."""

import json

import pytest

from kubesim.policy.go_json_text import go_json_text
from kubesim.policy.stream_status import Exited, Failed, StreamOutcome, Succeeded, status_bytes

EXITED = Exited(3, "exit status 3")
FAILED = Failed("error executing command in container: no <such> thing")
NON_ZERO = "command terminated with non-zero exit code: exit status 3"
INTERNAL = "Internal error occurred: error executing command in container: no <such> thing"


@pytest.mark.parametrize(
    "protocol", ["", "channel.k8s.io", "base64.channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io"]
)
@pytest.mark.parametrize(("outcome", "text"), [(Succeeded(), ""), (EXITED, NON_ZERO), (FAILED, INTERNAL)])
def test_before_the_fourth_version_failures_are_texts(protocol: str, outcome: StreamOutcome, text: str) -> None:
    for form in ("metav1", "bare"):
        assert status_bytes(outcome, protocol=protocol, form=form) == text.encode()  # type: ignore[arg-type]  # both


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v4.base64.channel.k8s.io", "v5.channel.k8s.io"])
@pytest.mark.parametrize(
    ("outcome", "bare", "more"),
    [
        (Succeeded(), {"status": "Success"}, {}),
        (
            EXITED,
            {
                "status": "Failure",
                "message": NON_ZERO,
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
            },
            {},
        ),
        (
            FAILED,
            {"status": "Failure", "message": INTERNAL, "reason": "InternalError", "code": 500},
            {"details": {"causes": [{"message": FAILED.text}]}},
        ),
    ],
)
def test_from_then_on_they_are_json(
    protocol: str, outcome: StreamOutcome, bare: dict[str, object], more: dict[str, object]
) -> None:
    assert json.loads(status_bytes(outcome, protocol=protocol, form="bare")) == bare
    older = status_bytes(outcome, protocol=protocol, form="metav1")
    assert older.startswith(b'{"metadata":{},"status":')
    assert json.loads(older) == {"metadata": {}, **bare, **more}


def test_text_is_as_go_writes_it() -> None:
    assert go_json_text({"a": "<&>", "b": "\udcff"}) == '{"a":"\\u003c\\u0026\\u003e","b":"\ufffd"}'
