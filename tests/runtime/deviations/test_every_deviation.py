"""Every deviation that a profile lists has a test in this folder, named by its id."""

import re
from pathlib import Path

from kubesim.runtime.profiles import load_profile, patch_levels, profile_names


def listed() -> dict[str, set[str]]:
    """The ids of all deviations, each with its references."""
    found: dict[str, set[str]] = {}
    for name in profile_names():
        for profile in (name, *(f"{name}.{level}" for level in patch_levels(name))):
            for deviation in load_profile(profile).deviations:
                found.setdefault(deviation.id, set()).add(deviation.reference)
    return found


def test_every_deviation_has_a_test_that_is_named_like_it():
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    tested = {name.replace("_", "-") for text in texts for name in re.findall(r"^def test_(\w+)\(", text, re.MULTILINE)}

    assert sorted(set(listed()) - tested) == [], "write def test_<id with underscores> in this folder"


def test_ids_are_words_and_references_name_something_public():
    public = re.compile(r"KEP-\d+|CVE-\d{4}-\d+|[a-z-]+(/[a-z-]+)?#\d+")
    for deviation, references in listed().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", deviation)
        for reference in references:
            for part in reference.split(", ") if reference else ():
                assert public.fullmatch(part), f"{deviation}: {part}"
