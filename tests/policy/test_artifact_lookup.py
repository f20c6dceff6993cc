"""Which artifact a text stands for, by the rules of CRI-O 1.33 and of 1.35.1."""

from __future__ import annotations

import pytest

from kubesim.policy.artifact_lookup import ArtifactEntry, FoundArtifact, find_artifact, repository_of

A, B = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
ENTRIES = [
    ArtifactEntry("quay.io/a/one:v1", A),
    ArtifactEntry("quay.io/a/one:latest", B),
    ArtifactEntry("docker.io/library/two:v1", A),
    ArtifactEntry("quay.io/a/three@" + B, B),
    ArtifactEntry("", "sha256:" + "ef" * 32),
]


@pytest.mark.parametrize(
    ("text", "candidates", "short", "full"),
    [
        ("quay.io/a/one:v1", ["quay.io/a/one:v1"], 0, 0),
        ("quay.io/a/one", ["quay.io/a/one:latest"], 1, 1),
        (f"quay.io/a/one@{B}", [f"quay.io/a/one@{B}"], 1, 1),
        (f"quay.io/a/one@{A}", [f"quay.io/a/one@{A}"], 0, 0),
        (f"quay.io/a/three@{B}", [f"quay.io/a/three@{B}"], 3, 3),
        (f"quay.io/a/three@{A}", [f"quay.io/a/three@{A}"], None, None),
        ("docker.io/library/two:v1", ["docker.io/library/two:v1"], 2, 2),
        ("two:v1", ["docker.io/library/two:v1"], 2, None),
        ("docker.io/two:v1", ["docker.io/library/two:v1"], 2, None),
        ("efef", ["docker.io/library/efef:latest"], 4, 4),
        ("ef", ["docker.io/library/ef:latest"], None, 4),
        ("ef" * 32, [], 4, 4),
        ("abab", [], 0, None),
        ("1234", [], None, None),
        ("UPPER", [], None, None),
        ("quay.io/none:1", ["quay.io/none:1"], None, None),
    ],
)
def test_names_and_digests(text: str, candidates: list[str], short: int | None, full: int | None) -> None:
    assert find_artifact(text, ENTRIES, "short-names", candidates=candidates) == FoundArtifact(short)
    assert find_artifact(text, ENTRIES, "full-names", candidates=candidates).position == full


def test_what_cannot_be_looked_up() -> None:
    found = find_artifact("ab" * 32, ENTRIES, "full-names", candidates=[])
    assert found.refusal == (
        'inspect artifact: multiple artifacts found with matching digest: "quay.io/a/one:v1,docker.io/library/two:v1"'
    )
    both = find_artifact(f"quay.io/a/one:v1@{A}", ENTRIES, "full-names", candidates=[])
    assert both == FoundArtifact(refusal="invalid nameOrDigest: reference cannot be tagged and digested")


def test_where_artifacts_are_found_as_images_nothing_is_looked_for() -> None:
    assert find_artifact("quay.io/a/one:v1", ENTRIES, "as-images", candidates=["quay.io/a/one:v1"]) == FoundArtifact()


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("quay.io/a:v1", "quay.io/a"),
        (f"quay.io/a@{A}", "quay.io/a"),
        ("localhost:5000/a", "localhost:5000/a"),
        ("a", "a"),
        ("", "unknown"),
    ],
)
def test_the_repository_of_a_name(name: str, repository: str) -> None:
    assert repository_of(name) == repository
