"""`kubesim profiles --diff A B`: what an upgrade changes."""

import json
from pathlib import Path

import pytest

from kubesim.cli import main


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(["profiles", *arguments])
    captured = capsys.readouterr()

    assert (code, captured.err) == (0, "")
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    try:
        code = main(["profiles", *arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else -1
    captured = capsys.readouterr()

    assert (code, captured.out) == (2, "")
    assert captured.err.count("\n") == 1
    return captured.err


def test_an_upgrade_gives_each_change_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out(capsys, "--diff", "containerd-1.7", "containerd-2.0", "-o", "json"))
    by_key = {row["key"]: row for row in found}

    assert by_key["rpcs.RuntimeConfig"] == {
        "key": "rpcs.RuntimeConfig",
        "before": "unknown-method",
        "after": "served",
        "why": "the runtime tells the kubelet its cgroup driver (KEP-4033, containerd#8722, containerd-2.0)",
    }
    assert by_key["legacyServices"]["before"] == '["runtime.v1alpha2"]'
    assert by_key["deviation strict-without-user"]["before"] == ""
    assert "rpcs.Version" not in by_key


def test_the_table_is_wrapped_and_says_what_the_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    lines = out(capsys, "--diff", "cri-o-1.30", "cri-o-1.36").splitlines()
    found = json.loads(out(capsys, "--diff", "cri-o-1.30", "cri-o-1.36", "-o", "json"))

    assert lines[0].split() == ["SWITCH", "cri-o-1.30", "cri-o-1.36", "WHY"]
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")][1:] == [row["key"] for row in found]
    assert max(map(len, lines)) < 190
    column = lines[0].index("WHY")
    why = " ".join(line[column:].strip() for line in lines[1:])
    assert all(row["why"] in why for row in found)
    gone = next(line for line in lines if line.startswith("deviation home-newline"))
    assert gone[lines[0].index("cri-o-1.36") :].split()[0] == "-"


def test_patch_levels(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(out(capsys, "--diff", "containerd-2.0.3", "containerd-2.0.4", "-o", "json"))

    assert {row["key"] for row in found} == {
        "runtimeVersion",
        "identity.numericOverflow",
        "deviation numeric-user-wraps",
        "deviation numeric-user-is-a-name",
    }


def test_profiles_that_do_not_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "--diff", "ideal", "ideal") == "ideal and ideal have the same switches and deviations\n"
    assert json.loads(out(capsys, "--diff", "ideal", "ideal", "-o", "json")) == []


def test_a_profile_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
        "spec:\n  extends: containerd-2.3\n  changes:\n"
        "    - {why: our nodes run kata, set: {defaultHandler: kata}}\n"
    )
    found = json.loads(out(capsys, "--diff", "containerd-2.3", str(mine), "-o", "json"))

    assert found == [
        {"key": "defaultHandler", "before": "runc", "after": "kata", "why": "our nodes run kata (mine)"},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--diff", "ideal"], "argument --diff: expected 2 arguments"),
        (["ideal", "--diff", "ideal", "ideal"], "argument --diff: not allowed with argument NAME"),
        (["--diff", "containerd-2.9", "ideal"], "unknown profile 'containerd-2.9', did you mean 'containerd-2.3'?"),
        (["--diff", "ideal", "none.yaml"], "none.yaml: cannot read the profile: No such file or directory"),
        (["--diff", "ideal", "ideal", "-o", "yaml"], "argument -o/--output: invalid choice: 'yaml'"),
    ],
)
def test_wrong_arguments_are_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert message in refused(capsys, *arguments)
