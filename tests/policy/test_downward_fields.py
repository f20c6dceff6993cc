"""Fields and resources of the downward API as text."""

import pytest

from kubesim.policy.downward_fields import Amounts, DownwardFieldError, PodFields, field_text, resource_text

FIELDS = PodFields(
    labels={"b": 'say "x"', "a": "1"}, annotations={"example.com/note": "two\nlines"}, by_path={"metadata.name": "web"}
)
AMOUNTS = Amounts(
    requests={"cpu": 250, "memory": 1048577, "hugepages-2Mi": 4194304},
    limits={"cpu": 1500, "memory": 0, "hugepages-1Gi": 0},
    allocatable={"cpu": 4000, "memory": 8 * 1024**3, "hugepages-1Gi": 1024**3},
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metadata.name", "web"),
        ("metadata.labels", 'a="1"\nb="say \\"x\\""'),
        ("metadata.labels['a']", "1"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations", 'example.com/note="two\\nlines"'),
        ("metadata.annotations['example.com/note']", "two\nlines"),
    ],
)
def test_fields(path: str, text: str) -> None:
    assert field_text(path, FIELDS) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("spec.x", "unsupported fieldPath: spec.x"),
        ("metadata.name['a']", "fieldPath \"metadata.name['a']\" does not support subscript"),
        ("['a']", "unsupported fieldPath: ['a']"),
        ("metadata.labels[a']", "unsupported fieldPath: metadata.labels[a']"),
        ("metadata.labels['a", "unsupported fieldPath: metadata.labels['a"),
    ],
)
def test_unknown_fields(path: str, text: str) -> None:
    with pytest.raises(DownwardFieldError) as caught:
        field_text(path, FIELDS)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("resource", "divisor", "text"),
    [
        ("requests.cpu", 0, "1"),
        ("requests.cpu", 1, "250"),
        ("limits.cpu", 1000, "2"),
        ("requests.memory", 0, "1048577"),
        ("requests.memory", 1048576, "2"),
        ("limits.memory", 1024**3, "8"),
        ("limits.ephemeral-storage", 0, "0"),
        ("requests.ephemeral-storage", 0, "0"),
        ("requests.hugepages-2Mi", 1048576, "4"),
        ("limits.hugepages-1Gi", 0, "0"),
    ],
)
def test_resources(resource: str, divisor: int, text: str) -> None:
    assert resource_text(resource, divisor, AMOUNTS) == text


@pytest.mark.parametrize("resource", ["limits.pods", "claims.cpu", "cpu"])
def test_unknown_resources(resource: str) -> None:
    with pytest.raises(DownwardFieldError, match=f"unsupported container resource : {resource}"):
        resource_text(resource, 1, AMOUNTS)
