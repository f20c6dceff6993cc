"""The pytest plugin. Imports only pytest: it is loaded in every pytest run of whoever installed kubesim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubesim.node.node import Node


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kubesim-rewrite`."""
    parser.getgroup("kubesim").addoption(
        "--kubesim-rewrite",
        action="store_true",
        help="write what the tests found into their golden .txt files, instead of comparing",
    )


@pytest.fixture
def kubesim_node() -> Iterator[Callable[..., Node]]:
    """A factory of started nodes: `kubesim_node(**arguments)` takes what `kubesim.Node` takes.

    The nodes are closed at the end of the test, the newest first.
    """
    from contextlib import ExitStack

    import kubesim

    with ExitStack() as nodes:

        def start(**arguments: Any) -> Node:
            return nodes.enter_context(kubesim.Node(**arguments))

        yield start


@pytest.fixture
def kubesim_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`kubesim_golden("name.txt", text)` compares text with a file beside the test.

    Raises kubesim.ExpectationFailed with a diff; with `--kubesim-rewrite` the file is written instead.
    """
    from kubesim.testing.golden import compare_golden

    folder = request.path.parent
    rewrite = bool(request.config.getoption("--kubesim-rewrite"))

    def compare(name: str, text: str) -> None:
        compare_golden(folder / name, text, rewrite=rewrite)

    return compare
