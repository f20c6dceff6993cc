"""A profile of one's own at `--profile`: each command takes it, and what is wrong in it is named by its line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from kubesim.cli import main
from kubesim.cri import api

HEAD = "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\nspec:\n"
"""Four lines: what follows begins in the fifth."""

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
    '  - {name: c, image: "registry.k8s.io/e2e-test-images/busybox:1.29-2", command: [sleep, "1"]}\n'
)


@pytest.fixture
def mine(folder: Path) -> Path:
    """A kata node with an old containerd that calls itself by another name."""
    path = folder / "mine.yaml"
    path.write_text(
        HEAD + "  extends: containerd-2.0.3\n  changes:\n"
        "  - why: the appliance of our vendor\n    reference: TICKET-7\n"
        "    set: {runtimeName: cri-dockerd, defaultHandler: kata, rpcs: {RuntimeConfig: unknown-method}}\n"
    )
    return path


def call(address: str, name: str) -> bytes:
    with grpc.insecure_channel(address.replace("unix://", "unix:")) as channel:
        answer: bytes = channel.unary_unary(f"/runtime.v1.RuntimeService/{name}")(b"", timeout=20)
    return answer


def test_serve(serve: Callable[..., Any], mine: Path) -> None:
    server = serve("--profile", str(mine))

    version = api.VersionResponse.FromString(call(server.address, "Version"))
    assert (version.runtime_name, version.runtime_version) == ("cri-dockerd", "v2.0.3")
    assert "kubesim serves mine (cri-dockerd v2.0.3)" in server.greeting
    with pytest.raises(grpc.RpcError) as caught:
        call(server.address, "RuntimeConfig")
    assert caught.value.details() == "unknown method RuntimeConfig for service runtime.v1.RuntimeService"
    status = api.StatusResponse.FromString(call(server.address, "Status"))
    assert {handler.name for handler in status.runtime_handlers} == {"", "kata"}


def test_run_and_explain(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    pod = mine.parent / "pod.yaml"
    pod.write_text(POD)

    assert main(["run", "--profile", str(mine), str(pod)]) == 0
    assert "cri-dockerd" in capsys.readouterr().out
    assert main(["explain", "identity", str(pod), "--profile", str(mine)]) == 0
    assert "mine" in capsys.readouterr().out


def test_profiles(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    assert main(["profiles", str(mine)]) == 0

    lines = capsys.readouterr().out.splitlines()
    handler = next(line for line in lines if line.startswith("defaultHandler "))
    assert handler.split(maxsplit=2)[1:] == ["kata", "the appliance of our vendor (TICKET-7, mine)"]


def test_a_file_may_extend_a_file_beside_it(capsys: pytest.CaptureFixture[str], mine: Path) -> None:
    other = mine.parent / "other.yaml"
    other.write_text(HEAD.replace("mine", "other") + "  extends: mine.yaml\n  changes: []\n")

    assert main(["profiles", str(other)]) == 0
    assert "(TICKET-7, mine)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("  extends: containerd-2.9\n", "mine.yaml:5:12: unknown profile 'containerd-2.9', did you mean"),
        ("  extends: containerd-2.0.99\n", "mine.yaml:5:12: unknown patch level of profile 'containerd-2.0.99'"),
        ("  extends: mine.yaml\n", "mine.yaml:5:12: profile 'mine.yaml' extends itself; extend a built-in profile"),
        ("  extends: none.yaml\n", "mine.yaml:5:12: cannot read the profile "),
        ("  extend: ideal\n", "mine.yaml:5:3: $.spec: unknown field 'extend', did you mean 'extends'"),
        ("  changes: []\n", "mine.yaml:1:1: profile 'mine' does not set texts, operatingSystems, runtimeName ..."),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {pauseimage: x}}\n",
            "mine.yaml:7:20: $.spec.changes[0].set: unknown key 'pauseimage', did you mean 'pauseImage'?",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {rpcs: {Runtimeconfig: served}}}\n",
            "mine.yaml:7:27: $.spec.changes[0].set.rpcs: unknown key 'Runtimeconfig', did you mean 'RuntimeConfig'?",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {rpcs: {RuntimeConfig: serve}}}\n",
            "mine.yaml:7:42: $.spec.changes[0].set.rpcs.RuntimeConfig: unknown value 'serve', did you mean 'served'?",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {images: {pullReturns: 7}}}\n",
            "mine.yaml:7:42: $.spec.changes[0].set.images.pullReturns: found the number 7",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {status: {infoKeys: [config, golan]}}}\n",
            "mine.yaml:7:48: $.spec.changes[0].set.status.infoKeys[1]: unknown value 'golan', did you mean 'golang'?",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {statistics: {streamChunkItems: 0}}}\n",
            "mine.yaml:7:51: $.spec.changes[0].set.statistics.streamChunkItems:",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {images: {pullProgressTimeoutSeconds: -3}}}\n",
            "$.spec.changes[0].set.images.pullProgressTimeoutSeconds: -3 is out of range; expected at least 0",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, set: {containers: {labelBytesMax: -1}}}\n",
            "$.spec.changes[0].set.containers.labelBytesMax: -1 is out of range; expected at least 0",
        ),
        (
            "  extends: ideal\n  changes:\n  - {why: w, fixes: [own-name-group]}\n",
            "mine.yaml:7:5: fixes 'own-name-group', which is no deviation here",
        ),
        (
            "  extends: ideal\n  changes:\n  - {set: {defaultHandler: x}}\n",
            "mine.yaml:7:5: $.spec.changes[0]: missing required field 'why'",
        ),
    ],
)
def test_mistakes_are_named_by_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, spec: str, message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + spec)

    assert main(["profiles", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err.replace(f"{tmp_path}/", "")
    assert captured.err.count("\n") == 1


def test_two_files_that_extend_each_other(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "  extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text(HEAD + "  extends: a.yaml\n")

    assert main(["profiles", str(tmp_path / "a.yaml")]) == 2
    assert "b.yaml:5:12: profile 'a.yaml' extends itself" in capsys.readouterr().err
