"""Deviations in who the first process of a container is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kubesim.cri import CriError, api
from kubesim.images.image import Declared, make_image
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import userland_nodes
from kubesim.images.tree import file_node, symlink_node

NAME = "registry.example/own:1"
Check = Callable[[str, Callable[[str], bool]], None]


def image(*, passwd: str = "root:x:0:0::/root:/bin/sh\n", group: str = "root:x:0:\n", user: str = "") -> Any:
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries += [("/etc/passwd", file_node(passwd.encode())), ("/etc/group", file_node(group.encode()))]
    return made(entries, user)


def made(entries: list[tuple[str, Any]], user: str = "") -> Any:
    config = ImageConfig(env=(("PATH", "/bin"),), cmd=("sh",), user=user)
    return make_image(Declared(references=(NAME,), is_present=True), config=config, layers=[entries])


def linux(**security: Any) -> api.LinuxContainerConfig:
    for name in ("run_as_user", "run_as_group"):
        if name in security:
            security[name] = api.Int64Value(value=security[name])
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(**security))


def user_in_spec(node: Any, **fields: Any) -> dict[str, Any]:
    """`process.user` in the OCI spec of a new container; empty when the runtime refuses to make one."""
    pod = node.run_pod()
    try:
        container = node.create(pod, node.container_config("sleep", "100", image=NAME, **fields))
    except CriError:
        return {}
    request = api.ContainerStatusRequest(container_id=container, verbose=True)
    user: dict[str, Any] = json.loads(node.do(node.cri.container_status(request)).info["info"])["runtimeSpec"][
        "process"
    ]["user"]
    return user


def test_own_name_group(new_node: Any, shown_exactly_where_listed: Check) -> None:
    own = image(passwd="app:x:1000:2000::/:/bin/sh\n", group="app:x:3000:app\nother:x:4000:app\n")

    def shows(profile: str) -> bool:
        groups = user_in_spec(new_node(profile, images=(own,)), linux=linux(run_as_user=1000))["additionalGids"]
        assert 4000 in groups
        return 3000 not in groups

    shown_exactly_where_listed("own-name-group", shows)


def test_groups_of_root(new_node: Any, shown_exactly_where_listed: Check) -> None:
    passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
    own = image(passwd=passwd, group="wheel:x:10:root\ndev:x:50000:app\n", user="app")

    def shows(profile: str) -> bool:
        user = user_in_spec(new_node(profile, images=(own,)))
        assert (user["uid"], len({10, 50000} & set(user["additionalGids"]))) == (1000, 1)
        return 10 in user["additionalGids"]

    shown_exactly_where_listed("groups-of-root", shows)


# 2^32 + 1: uid 1 where it wraps, uid 7 where it is looked up as a name.
WIDE = image(passwd="4294967297:x:7:7::/:/bin/sh\n", user="4294967297")


def test_numeric_user_is_a_name(new_node: Any, shown_exactly_where_listed: Check) -> None:
    shown_exactly_where_listed(
        "numeric-user-is-a-name", lambda profile: user_in_spec(new_node(profile, images=(WIDE,))).get("uid") == 7
    )


def test_numeric_user_wraps(new_node: Any, shown_exactly_where_listed: Check) -> None:
    shown_exactly_where_listed(
        "numeric-user-wraps", lambda profile: user_in_spec(new_node(profile, images=(WIDE,))).get("uid") == 1
    )


def test_primary_gid_missing(new_node: Any, shown_exactly_where_listed: Check) -> None:
    own = image(passwd="app:x:1000:1000::/:/bin/sh\n", group="extra:x:50000:app\n")

    def shows(profile: str) -> bool:
        asked = linux(run_as_user=1000, run_as_group=3000)
        user = user_in_spec(new_node(profile, images=(own,)), linux=asked)
        assert user["gid"] == 3000
        return 3000 not in user["additionalGids"]

    shown_exactly_where_listed("primary-gid-missing", shows)


def test_strict_without_user(new_node: Any, shown_exactly_where_listed: Check) -> None:
    own = image(group="root:x:0:\nwheel:x:10:root\n")

    def shows(profile: str) -> bool:
        asked = linux(supplemental_groups=[1234], supplemental_groups_policy=api.Strict)
        user = user_in_spec(new_node(profile, images=(own,)), linux=asked)
        assert (user["gid"], 1234 in user["additionalGids"]) == (0, True)
        is_strict = 10 not in user["additionalGids"]
        return is_strict and 0 not in user["additionalGids"]

    shown_exactly_where_listed("strict-without-user", shows)


def linked(source: str, target: str, real: str) -> Any:
    entries = [(f"/bin/{name}", node) for name, node in userland_nodes("busybox").items()]
    entries += [(source, symlink_node(target)), (real, file_node(b"app:x:1000:1000::/:/bin/sh\n"))]
    return made(entries)


def test_account_file_links(new_node: Any, shown_exactly_where_listed: Check) -> None:
    own = linked("/etc", "/usr/etc", "/usr/etc/passwd")

    def shows(profile: str) -> bool:
        return not user_in_spec(new_node(profile, images=(own,)), linux=linux(run_as_username="app"))

    shown_exactly_where_listed("account-file-links", shows)


def test_account_file_is_absolute_link(new_node: Any, shown_exactly_where_listed: Check) -> None:
    own = linked("/etc/passwd", "/usr/share/passwd", "/usr/share/passwd")

    def shows(profile: str) -> bool:
        return not user_in_spec(new_node(profile, images=(own,)), linux=linux(run_as_username="app"))

    shown_exactly_where_listed("account-file-is-absolute-link", shows)


def test_home_newline(new_node: Any, shown_exactly_where_listed: Check) -> None:
    home = b"/\nevil:x:0:0::/:/bin/sh"

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(image(),))
        fields: dict[str, Any] = {
            "image": NAME,
            "envs": [api.KeyValue(key="HOME", value=home)],
            "linux": linux(run_as_user=4242),
        }
        try:
            container = node.start(node.run_pod(), "sleep", "100", **fields)
        except CriError as error:
            return "HOME" not in error.message
        return b"\nevil:" in node.do(node.execing(container, "cat", "/etc/passwd")).stdout

    shown_exactly_where_listed("home-newline", shows)
