"""The way to an account file over links, in each of the five ways of following them."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.account_file_access import not_reached, special_file
from kubesim.policy.account_file_paths import Reached, reach
from kubesim.policy.accounts import Unopened
from kubesim.policy.identity import IdentityDialect
from kubesim.runtime.profiles import load_profile

DIALECTS = {
    "rooted": load_profile("containerd-2.0.9").identity,
    "stat": load_profile("containerd-2.1").identity,
    "relative": load_profile("containerd-2.2.2").identity,
    "last-absolute": load_profile("containerd-2.2").identity,
    "viewed": load_profile("containerd-2.3").identity,
    "joined": load_profile("cri-o-1.36").identity,
}
MOUNT = "/var/lib/containerd/tmpmounts/containerd-mount2386521476"
ESCAPES = "openat etc/passwd: path escapes from parent"
LOOP = "openat etc/passwd: too many levels of symbolic links"


@dataclass
class Node:
    kind: str
    target: str = ""


def tree(links: dict[str, str]) -> dict[str, Node]:
    """Links by path; a target that starts with `=` is a kind. Directories come of themselves."""
    nodes = {"": Node("directory")}
    for path, target in links.items():
        parts = path.split("/")
        for count in range(1, len(parts)):
            nodes.setdefault("/".join(parts[:count]), Node("directory"))
        nodes[path] = Node(target[1:]) if target.startswith("=") else Node("symlink", target)
    return nodes


def way(rule: str, links: dict[str, str]) -> Reached:
    nodes = tree(links)
    return reach("passwd", DIALECTS[rule], lambda path: nodes.get(path.strip("/")))


def chain(count: int, *, start: str = "etc/passwd") -> dict[str, str]:
    """So many links one after the other, all relative and in /etc, and a file at the end."""
    names = [start, *(f"etc/l{number}" for number in range(1, count)), "etc/end"]
    links = {here: there.removeprefix("etc/") for here, there in pairwise(names)}
    return {**links, "etc/end": "=file"}


FILE = {"real/passwd": "=file"}


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        pytest.param({"etc/passwd": "=file"}, "etc/passwd", id="plain"),
        pytest.param({"etc/passwd": "../real/passwd", **FILE}, "real/passwd", id="relative"),
        pytest.param({"etc/passwd": "./../real/./passwd", **FILE}, "real/passwd", id="dots"),
        pytest.param({"etc": "real", **FILE}, "real/passwd", id="relative-directory"),
        pytest.param({"etc": "./real/", **FILE}, "real/passwd", id="relative-directory-with-slash"),
        pytest.param({"etc": "a", "a": "b/c", "b/c": "../real", **FILE}, "real/passwd", id="directory-chain"),
        pytest.param({"etc/passwd": "x/../../real/passwd", "etc/x/y": "=file", **FILE}, "real/passwd", id="through"),
        pytest.param(chain(8), "etc/end", id="8-links"),
        pytest.param({"etc/passwd": "../d", "d/f": "=file"}, "d", id="a-directory"),
        pytest.param({"etc/passwd": "..", "d/f": "=file"}, "", id="the-root"),
        pytest.param({"etc/passwd": "."}, "etc", id="the-directory-itself"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rule", DIALECTS)
def test_ways_that_all_follow(rule: str, links: dict[str, str], expected: str) -> None:
    found = way(rule, links)

    assert (found.path, found.failure) == (expected, "")


ABSOLUTE = {"etc/passwd": "/real/passwd", **FILE}
ABSOLUTE_DIRECTORY = {"etc": "/real", **FILE}
ESCAPING = {"etc/passwd": "../../real/passwd", **FILE}
BEHIND_A_RELATIVE = {"etc/passwd": "other", "etc/other": "/real/passwd", **FILE}
BELOW_A_RELATIVE = {"etc": "e", "e/passwd": "/real/passwd", **FILE}
TWO_ABSOLUTE = {"etc/passwd": "/a", "a": "/real/passwd", **FILE}
ABSOLUTE_AND_RELATIVE = {"etc/passwd": "/a", "a": "real/passwd", **FILE}
ABSOLUTE_ABOVE_THE_ROOT = {"etc/passwd": "/../real/passwd", **FILE}
TWO_SLASHES = {"etc/passwd": "//real/passwd", **FILE}
TO_THE_ROOT = {"etc/passwd": "/", **FILE}
LEXICAL = {"etc/passwd": "nowhere/../../real/passwd", **FILE}
THROUGH_A_LINK = {"etc/passwd": "x/../passwd", "etc/x": "../real/deep", "real/deep/f": "=file", **FILE}


@pytest.mark.parametrize(
    ("rule", "links", "expected"),
    [
        *(("rooted", links, "real/passwd") for links in (
            ABSOLUTE, ABSOLUTE_DIRECTORY, ESCAPING, BEHIND_A_RELATIVE, BELOW_A_RELATIVE, TWO_ABSOLUTE,
            ABSOLUTE_AND_RELATIVE, ABSOLUTE_ABOVE_THE_ROOT, TWO_SLASHES, LEXICAL,
        )),
        *(("joined", links, "real/passwd") for links in (
            ABSOLUTE, ABSOLUTE_DIRECTORY, ESCAPING, BEHIND_A_RELATIVE, BELOW_A_RELATIVE, TWO_ABSOLUTE,
            ABSOLUTE_AND_RELATIVE, ABSOLUTE_ABOVE_THE_ROOT, TWO_SLASHES, LEXICAL, THROUGH_A_LINK,
        )),
        *(("viewed", links, "real/passwd") for links in (
            ABSOLUTE, ABSOLUTE_DIRECTORY, BEHIND_A_RELATIVE, BELOW_A_RELATIVE, TWO_ABSOLUTE, ABSOLUTE_AND_RELATIVE,
            ABSOLUTE_ABOVE_THE_ROOT, TWO_SLASHES, LEXICAL,
        )),
        *(("last-absolute", links, "real/passwd") for links in (
            ABSOLUTE, BELOW_A_RELATIVE, ABSOLUTE_AND_RELATIVE, ABSOLUTE_ABOVE_THE_ROOT, TWO_SLASHES, THROUGH_A_LINK,
        )),
        *(("relative", links, "real/passwd") for links in (THROUGH_A_LINK,)),
        *((rule, TO_THE_ROOT, "") for rule in ("rooted", "viewed", "last-absolute", "joined")),
        *(("relative", links, ESCAPES) for links in (
            ABSOLUTE, ABSOLUTE_DIRECTORY, ESCAPING, BEHIND_A_RELATIVE, BELOW_A_RELATIVE, TWO_ABSOLUTE, TO_THE_ROOT,
        )),
        *(("last-absolute", links, ESCAPES) for links in (ABSOLUTE_DIRECTORY, ESCAPING, BEHIND_A_RELATIVE)),
        ("last-absolute", TWO_ABSOLUTE, "openat a: path escapes from parent"),
        ("relative", LEXICAL, "missing: openat etc/passwd: no such file or directory"),
        ("last-absolute", LEXICAL, "missing: openat etc/passwd: no such file or directory"),
        ("rooted", THROUGH_A_LINK, "loop"),
        ("viewed", THROUGH_A_LINK, "loop"),
        ("viewed", ESCAPING, "missing: lstat ..: file does not exist"),
        ("viewed", {"etc": "..", **FILE}, "missing: lstat ..: file does not exist"),
        ("viewed", {"etc": "//real", **FILE}, "missing: lstat : file does not exist"),
    ],
)  # fmt: skip
def test_ways_that_differ(rule: str, links: dict[str, str], expected: str) -> None:
    found = way(rule, links)
    if expected == "loop":
        assert "too many" in found.failure
        return
    shown = ("missing: " if found.is_missing else "") + found.failure

    assert (shown or found.path) == expected


@pytest.mark.parametrize(
    ("rule", "count", "failure"),
    [
        ("rooted", 255, ""),
        ("rooted", 256, "too many links"),
        ("viewed", 255, ""),
        ("viewed", 256, "open etc/end: too many levels of symbolic links"),
        ("joined", 255, ""),
        ("joined", 256, "open /etc/passwd: too many levels of symbolic links"),
        ("relative", 9, LOOP),
        ("last-absolute", 9, LOOP),
    ],
)
def test_how_many_links_are_followed(rule: str, count: int, failure: str) -> None:
    assert way(rule, chain(count)).failure.replace("etc/l255", "etc/end") == failure


@pytest.mark.parametrize(
    ("rule", "failure"),
    [
        ("rooted", "too many links"),
        ("viewed", "open etc/passwd: too many levels of symbolic links"),
        ("relative", LOOP),
        ("last-absolute", LOOP),
        ("joined", "open /etc/passwd: too many levels of symbolic links"),
    ],
)
def test_a_link_to_itself(rule: str, failure: str) -> None:
    found = way(rule, {"etc/passwd": "passwd"})

    assert (found.failure, found.is_missing) == (failure, rule == "joined")


@pytest.mark.parametrize(
    ("links", "path", "failure"),
    [
        ({"etc/passwd": "/a/..", "a": "b/c", "b/c/f": "=file"}, "b", ""),
        (
            {"etc": "/./a/../real", "a": "b/c", "b/c/f": "=file", "b/real/passwd": "=file"},
            "",
            f"open {MOUNT}/real/passwd: no such file or directory",
        ),
        ({"etc": "a/x/..", "a": "b", "b/x/f": "=file", "b/passwd": "=file"}, "b/passwd", ""),
        ({"etc": "x", "x": "./../x/../y", "y/passwd": "=file"}, "y/passwd", ""),
        ({"etc": "a/x", "a": "/", "x/passwd": "=file"}, "x/passwd", ""),
        ({"etc": "a/x", "a": "b/..", "b/f": "=file", "x/passwd": "=file"}, "x/passwd", ""),
        ({"etc": "a/x", "a": "../..", "x/passwd": "=file"}, "x/passwd", ""),
        ({"etc": "etc/x"}, "", f"lstat {MOUNT}/etc/x/passwd: too many levels of symbolic links"),
        ({"etc": "/etc/x"}, "", "too many links"),
        ({"etc": "../b/x", "b": "=file"}, "", f"lstat {MOUNT}/b/x/passwd: not a directory"),
    ],
)
def test_how_the_walk_over_the_whole_path_goes_on(links: dict[str, str], path: str, failure: str) -> None:
    """What real Go gave for such trees; a link that is absolute is no way for lstat(2), which looks on the host."""
    found = way("rooted", links)

    assert (found.path, found.failure) == (path, failure)


NOTHING = {"usr/f": "=file"}
NO_FILE = {"etc/hosts": "=file"}
DANGLING = {"etc/passwd": "../nix/passwd"}
DANGLING_ABSOLUTE = {"etc/passwd": "/nix/passwd"}
FILE_FOR_DIRECTORY = {"etc": "=file"}
BELOW_A_FILE = {"etc/passwd": "../f/x", "f": "=file"}
FILE_WITH_SLASH = {"etc/passwd": "../f/", "f": "=file"}


@pytest.mark.parametrize(
    ("rule", "links", "failure"),
    [
        ("rooted", NOTHING, f"missing: open {MOUNT}/etc/passwd: no such file or directory"),
        ("rooted", NO_FILE, f"missing: open {MOUNT}/etc/passwd: no such file or directory"),
        ("rooted", DANGLING, f"missing: open {MOUNT}/nix/passwd: no such file or directory"),
        ("rooted", FILE_FOR_DIRECTORY, f"lstat {MOUNT}/etc/passwd: not a directory"),
        ("rooted", BELOW_A_FILE, f"lstat {MOUNT}/f/x: not a directory"),
        ("rooted", FILE_WITH_SLASH, ""),
        ("stat", NO_FILE, f"missing: stat {MOUNT}/etc/passwd: no such file or directory"),
        ("stat", DANGLING, f"missing: stat {MOUNT}/nix/passwd: no such file or directory"),
        ("relative", NOTHING, "missing: openat etc/passwd: no such file or directory"),
        ("relative", NO_FILE, "missing: openat etc/passwd: no such file or directory"),
        ("relative", DANGLING, "missing: openat etc/passwd: no such file or directory"),
        ("relative", DANGLING_ABSOLUTE, ESCAPES),
        ("relative", FILE_FOR_DIRECTORY, "openat etc/passwd: not a directory"),
        ("relative", BELOW_A_FILE, "openat etc/passwd: not a directory"),
        ("relative", FILE_WITH_SLASH, "openat etc/passwd: not a directory"),
        ("last-absolute", NOTHING, "missing: openat etc/passwd: no such file or directory"),
        ("last-absolute", DANGLING, "missing: openat etc/passwd: no such file or directory"),
        ("last-absolute", DANGLING_ABSOLUTE, "missing: openat nix/passwd: no such file or directory"),
        ("viewed", NOTHING, "missing: lstat etc: file does not exist"),
        ("viewed", NO_FILE, "missing: lstat etc/passwd: file does not exist"),
        ("viewed", DANGLING, "missing: lstat nix: file does not exist"),
        ("viewed", FILE_FOR_DIRECTORY, "missing: open etc/passwd: file does not exist"),
        ("viewed", BELOW_A_FILE, "missing: open f/x: file does not exist"),
        ("viewed", FILE_WITH_SLASH, ""),
        ("joined", NOTHING, "missing: open /etc/passwd: no such file or directory"),
        ("joined", DANGLING, "missing: open /nix/passwd: no such file or directory"),
        ("joined", FILE_FOR_DIRECTORY, "missing: open /etc/passwd: no such file or directory"),
    ],
)
def test_ways_that_lead_nowhere(rule: str, links: dict[str, str], failure: str) -> None:
    found = way(rule, links)

    assert ("missing: " if found.is_missing else "") + found.failure == failure


def test_what_leads_nowhere_is_an_error_or_no_file() -> None:
    found = Reached(path="", asked="etc/passwd", failure="too many links")

    assert not_reached(found, DIALECTS["rooted"]) == Unopened(reason="too many links")
    assert not_reached(found, DIALECTS["joined"]) is None


def test_os_root_gives_up_on_endless_steps_back() -> None:
    deep = "/".join(["d", ".."] * 40)
    links = {f"etc/l{number}": f"{deep}/l{number + 1}" for number in range(1, 8)}
    found = way("relative", {**links, "etc/passwd": f"{deep}/l1", "etc/l8": "=file", "etc/d/f": "=file"})

    assert found.failure == "openat etc/passwd: file name too long"


NAMES = st.sampled_from(["etc", "passwd", "a", "b", ".", "..", ""])
TARGETS = st.builds(lambda start, parts: start + "/".join(parts) or ".", st.sampled_from(["", "/"]), st.lists(NAMES))


@given(
    st.dictionaries(
        st.sampled_from(["etc", "etc/passwd", "a", "a/passwd", "b", "b/a", "etc/a"]), TARGETS | st.just("=file")
    )
)
@pytest.mark.parametrize("rule", DIALECTS)
def test_every_way_ends_inside_at_something_that_is_there(rule: str, links: dict[str, str]) -> None:
    nodes = tree(links)
    found = way(rule, links)

    assert bool(found.failure) or (found.path in nodes and nodes[found.path].kind != "symlink")


HOST = {
    "rooted": f"{MOUNT}/x/p",
    "relative": f"{MOUNT}/etc/passwd",
    "last-absolute": f"{MOUNT}/etc/passwd",
    "viewed": "x/p",
    "joined": f"{DIALECTS['joined'].account_files_root}/x/p",
}
BEFORE = {
    **DIALECTS,
    "viewed": load_profile("containerd-2.3.1").identity,
    "last-absolute": load_profile("containerd-2.2.4").identity,
}
WAY = Reached(path="x/p", asked="etc/passwd")


def special(dialect: IdentityDialect, kind: str, device: tuple[int, int] = (0, 0)) -> Unopened | bytes | None:
    return special_file(WAY, "passwd", dialect, kind=kind, device=device)


@pytest.mark.parametrize("rule", HOST)
def test_special_files_before_they_were_refused(rule: str) -> None:
    dialect = BEFORE[rule]
    endless = Unopened(reason=f"open {HOST[rule]}: nobody writes to the pipe", is_endless=True)

    assert special(dialect, "directory") == Unopened(reason=f"read {HOST[rule]}: is a directory")
    assert special(dialect, "fifo") == endless
    assert special(dialect, "character device", (1, 3)) == (None if rule == "joined" else b"")
    device = {
        "rooted": Unopened(reason=f"open {MOUNT}/x/p: no such device or address"),
        "relative": Unopened(reason="openat etc/passwd: no such device or address"),
        "last-absolute": Unopened(reason="openat etc/passwd: no such device or address"),
        "viewed": Unopened(reason="open x/p: file does not exist", is_missing=True),
        "joined": None,
    }
    assert special(dialect, "block device", (8, 0)) == device[rule]


@pytest.mark.parametrize("kind", ["directory", "fifo", "character device"])
@pytest.mark.parametrize(
    ("rule", "name"), [("stat", f"{MOUNT}/x/p"), ("last-absolute", "etc/passwd"), ("viewed", "etc/passwd")]
)
def test_special_files_that_are_refused(rule: str, name: str, kind: str) -> None:
    """Only what looks before it opens can refuse a pipe."""
    found = special(DIALECTS[rule], kind, (1, 3))

    assert isinstance(found, Unopened)
    if kind == "fifo" and rule != "stat":
        assert found.is_endless
    else:
        assert found == Unopened(reason=f"{name} is not a regular file")


def test_the_root_itself_has_a_name() -> None:
    found = special_file(Reached(path="", asked="."), "passwd", BEFORE["viewed"], kind="directory", device=(0, 0))

    assert found == Unopened(reason="read .: is a directory")
