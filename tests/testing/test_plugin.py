"""The pytest plugin, in pytest runs of its own."""

import subprocess
import sys

import pytest

NODES = """
    import pytest

    closed = []

    def test_nodes(monkeypatch, kubesim_node):
        import kubesim

        close = kubesim.Node.close

        def close_and_note(node):
            closed.append(node.status()["metadata"]["name"])
            close(node)

        monkeypatch.setattr(kubesim.Node, "close", close_and_note)
        first = kubesim_node(node_name="first")
        second = kubesim_node(node_name="second", kubelet_version="1.33", os="windows")
        assert first.now_ns == second.now_ns
        assert second.status()["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.33.")

    @pytest.fixture(autouse=True)
    def last_to_end():
        yield
        assert closed == ["second", "first"]
"""

GOLDEN = """
    def test_golden(kubesim_golden):
        kubesim_golden("golden/story.txt", "one\\ntwo\\n")
"""


def test_nodes_are_started_and_closed_the_newest_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(NODES)
    result = pytester.runpytest("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)


def test_a_wrong_argument_is_an_error_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_node(kubesim_node): kubesim_node(profile='docker')")
    result = pytester.runpytest("-p", "no:cacheprovider")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*InputError: unknown profile 'docker'; known profiles: *"])


def test_golden_files_are_written_on_request_and_compared(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GOLDEN)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=1)
    assert not (pytester.path / "golden").exists()

    pytester.runpytest("-p", "no:cacheprovider", "--kubesim-rewrite").assert_outcomes(passed=1)
    golden = pytester.path / "golden" / "story.txt"
    assert golden.read_bytes() == b"one\ntwo\n"
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)

    golden.write_text("one\n2\n")
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*story.txt: the text differs*", "*-2", "*+two"])


def test_the_option_is_in_the_help(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--help").stdout.fnmatch_lines(["kubesim:", "*--kubesim-rewrite*"])


@pytest.mark.parametrize("module", ["grpc", "msgspec", "google.protobuf", "yaml", "kubesim.node"])
def test_loading_the_plugin_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, kubesim.testing.plugin; print({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"


def test_a_run_that_uses_no_fixture_loads_only_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_loaded():
            assert "kubesim.testing.plugin" in sys.modules
            ours = {name for name in sys.modules if name.split(".")[0] in {"kubesim", "grpc", "msgspec"}}
            assert ours == {"kubesim", "kubesim.testing", "kubesim.testing.plugin"}
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
