"""Pods that a real kubelet ran, played on the emulated one: how many publish the same versions, and the same events.

The recordings are no part of the repository: KUBESIM_RECORDED names their directory, or they lie beside the checkout,
where the other tests that read them look too.

The figures are ratchets: they may only rise. `scripts/conformance recorded --verbose` prints what differs, and why.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDED = os.environ.get("KUBESIM_RECORDED") or str(ROOT.parent / "shared" / "recorded")
EQUAL_MIN = 51
EVENTS_EQUAL_MIN = 51


@pytest.mark.skipif(
    not Path(RECORDED).is_dir(),
    reason="no recordings of a real kubelet: not beside the checkout, nor in KUBESIM_RECORDED",
)
def test_recorded_pods_publish_the_same_versions_and_events(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded", RECORDED, "--verbose"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    counts = r"(\d+) equal, (\d+) different, (\d+) not played"
    figures = re.search(rf"(\d+) pods: {counts}\ntheir events: {counts}", done.stdout)

    assert figures is not None, done.stdout
    pods, equal, different, unplayed, *of_events = map(int, figures.groups())
    assert pods == equal + different + unplayed == sum(of_events)
    assert equal >= EQUAL_MIN, done.stdout
    assert of_events[0] >= EVENTS_EQUAL_MIN, done.stdout
    with capsys.disabled():
        print(f" recordings: {' / '.join(figures.group().splitlines())} ", end="")  # noqa: T201 - the figure is for whoever reads the run


@pytest.mark.parametrize("folder", ["served", "volumes", "arguments"])
def test_a_real_kubelet_over_our_runtime_publishes_writes_and_asks_the_same(folder: str) -> None:
    """Versions, Events and the calls of the runtime with all their arguments: of each pod of a folder, all equal.

    Those of `volumes` and `arguments` tell in their termination messages what they find in their volumes, variables
    and files, and of what the runtime was told.
    """
    served = ROOT / "tests" / "recorded" / folder
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded", str(served), "--verbose"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    count = len(list((served / "manifests").glob("*.yaml")))

    assert count >= 19
    assert done.stdout.endswith(
        f"{count} pods: {count} equal, 0 different, 0 not played\n"
        f"their events: {count} equal, 0 different, 0 not played\n"
        f"their calls of the runtime: {count} equal, 0 different, 0 not played\n"
    ), done.stdout


def test_a_recording_names_the_programs_that_it_lacks() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "record", str(ROOT / "tests" / "recorded" / "served")],
        env={name: value for name, value in os.environ.items() if not name.startswith("KUBESIM_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "conformance: a recording needs real programs: set KUBESIM_KUBELET (kubelet), "
        "KUBESIM_APISERVER (kube-apiserver), KUBESIM_ETCD (etcd) to their paths\n"
    )


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "no recordings there" in done.stderr


def test_without_a_folder_the_variable_names_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded"],
        env={**os.environ, "KUBESIM_RECORDED": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith(f"conformance: {tmp_path}: no recordings there")
    assert "give DIR or set KUBESIM_RECORDED" in done.stderr


def test_a_name_that_no_pod_has_is_told() -> None:
    served = ROOT / "tests" / "recorded" / "served"
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded", str(served), "--only", "g999"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == f"conformance: {served}: no pod of manifests/ has 'g999' in its name\n"


def test_a_difference_is_in_the_exit_code(tmp_path: Path) -> None:
    served = ROOT / "tests" / "recorded" / "served"
    for part in ("manifests", "golden"):
        (tmp_path / part).mkdir()
    source = next((served / "manifests").glob("*.yaml"))
    name = source.stem
    shutil.copy(source, tmp_path / "manifests")
    shutil.copy(served / "recording.json", tmp_path)
    recorded = (served / "golden" / f"{name}.jsonl").read_text()
    (tmp_path / "golden" / f"{name}.jsonl").write_text(recorded.replace('"phase":"Running"', '"phase":"Sleeping"'))
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "conformance"), "recorded", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, "1 different" in done.stdout) == (1, True), done.stdout + done.stderr
