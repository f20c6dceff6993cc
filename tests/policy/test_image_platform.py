"""Which manifest of an index a node takes."""

import pytest

from kubesim.policy.image_platform import Platform, can_run, choose_platform, matching_platforms


def platform(text: str) -> Platform:
    os, architecture, variant = (*text.split("/"), "", "")[:3]
    return Platform(os=os, architecture=architecture, variant=variant)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("linux/amd64", ["linux/amd64", "linux/386"]),
        ("linux/x86_64", ["linux/amd64", "linux/386"]),
        ("linux/amd64/v1", ["linux/amd64", "linux/386"]),
        ("linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]),
        ("linux/386", ["linux/386"]),
        ("linux/arm", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/armel", ["linux/arm/v6", "linux/arm/v5"]),
        ("linux/armhf", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/i386", ["linux/386"]),
        ("linux/arm/8", ["linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/arm64", ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        (
            "linux/aarch64/v8.2",
            [
                "linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64",
                "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5",
            ],
        ),
        (
            "linux/arm64/v9",
            [
                "linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8.4", "linux/arm64/v8.3", "linux/arm64/v8.2",
                "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5",
            ],
        ),
        ("linux/arm64/v77", []),
        ("windows/amd64", ["windows/amd64", "windows/386"]),
        ("linux/s390x", ["linux/s390x"]),
    ],
)  # fmt: skip
def test_what_a_node_can_run_best_first(node: str, expected: list[str]) -> None:
    assert [str(found) for found in matching_platforms(platform(node))] == expected


@pytest.mark.parametrize(
    ("node", "entries", "expected"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/386", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/arm64", "linux/386"], "linux/386"),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64/v2"], None),
        ("linux/amd64/v2", ["linux/amd64/v3", "linux/amd64/v1", "linux/amd64/v2"], "linux/amd64/v2"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], "linux/arm/v6"),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64", ["linux/amd64", "linux/arm"], "linux/arm"),
        ("windows/amd64", ["linux/amd64"], None),
        ("linux/amd64", ["any", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/arm64", "any"], "any"),
        ("linux/amd64", ["unknown/unknown"], None),
        ("linux/amd64", [], None),
    ],
)
def test_the_entry_that_a_node_takes(node: str, entries: list[str], expected: str | None) -> None:
    found = choose_platform([None if text == "any" else platform(text) for text in entries], platform(node))

    assert (None if found is None else entries[found]) == expected


def test_of_equally_good_entries_the_first_is_taken() -> None:
    entries = [Platform(os="linux", architecture=architecture) for architecture in ("arm64", "x86_64", "amd64")]

    assert choose_platform(entries) == 1


def test_an_image_that_needs_features_of_the_system_is_for_no_node() -> None:
    image = Platform(os="linux", architecture="amd64", os_features=["special"])

    assert not can_run(platform("linux/amd64"), image)
    assert can_run(platform("linux/amd64"), Platform(architecture="amd64"))  # no system named: the node's own
