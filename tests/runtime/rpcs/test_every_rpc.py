"""Each RPC has one handler and one file of tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubesim.cri import METHODS
from kubesim.runtime.handlers import HANDLERS, QUESTIONS, STREAM_HANDLERS

HERE = Path(__file__).parent


def file_of(rpc: str) -> Path:
    snake_case = re.sub("(?<!^)([A-Z])", r"_\1", rpc).lower()
    return HERE / f"test_{snake_case}.py"


@pytest.mark.parametrize("rpc", sorted(METHODS))
def test_it_has_one_handler_of_its_kind_and_a_file_of_tests(rpc: str) -> None:
    assert (rpc in STREAM_HANDLERS) is METHODS[rpc].server_streaming
    assert ((rpc in HANDLERS) ^ (rpc in QUESTIONS)) is not METHODS[rpc].server_streaming
    text = file_of(rpc).read_text(encoding="utf-8")
    assert re.search(r"^def test_", text, re.MULTILINE)


def test_there_are_no_others() -> None:
    assert sorted([*HANDLERS, *QUESTIONS, *STREAM_HANDLERS]) == sorted(METHODS)
    handlers = [*HANDLERS.values(), *QUESTIONS.values(), *STREAM_HANDLERS.values()]
    assert len({id(handler) for handler in handlers}) == len(handlers)
