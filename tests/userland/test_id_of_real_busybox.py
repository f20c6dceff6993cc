"""`id` in a container says what the real busybox says, as the same user, with the same passwd and group.

The real one runs in a user namespace with all ids mapped, so that it can be anybody and this machine is none the wiser,
in a root directory that holds it, its libraries, and the two files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kubesim
from kubesim.images.tree import file_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import Credentials

if TYPE_CHECKING:
    from conftest import World

COMMANDS = (
    ("id",),
    *(("id", option) for option in ("-G", "-u", "-g", "-un", "-gn", "-Gn")),
    *(("id", user) for user in ("app", "last", "nobody")),
    ("whoami",),
)
PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:App:/home/app:/bin/sh\napp:x:2000:2000::/:/bin/sh\n"
    "bob:x:1001:100::/:/bin/sh\ndup:x:1000:3000::/:/bin/sh\n1234:x:4000:4000::/:/bin/sh\n"
)
GROUP = "root:x:0:\napp:x:1000:app,bob\nwheel:x:10:root\ndev:x:50000:app\nusers:x:100:\ndev:x:50001:app\n"
ODD_PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n# comment:x:1500:1500::/:/bin/sh\n#com:x:1501:1501::/:/bin/sh\n\n"
    "  spaces:x:1502:1502::/:/bin/sh\n"
    "cr:x:1503:1503::/:/bin/sh\r\nbad:x:abc:7::/:/bin/sh\nshort\nfew:x:1504:1504\nlast:x:1505:1505::/:/bin/sh"
)
ODD_GROUP = (
    "root:x:0:\n#off:x:400:last\nops:x:300:bob, last\nnogid:x:zz:last\ncr:x:1503:last\r\nfew:x:1504\nlast:x:77:last"
)


@dataclass(frozen=True, slots=True)
class Case:
    """Files, and who the first process of a container of them is."""

    passwd: str
    group: str
    identity: kubesim.Identity


def cases() -> list[Case]:
    requests: list[dict[str, object]] = [
        {},
        {"image_user": "app"},
        {"image_user": "1000:1000"},
        {"image_user": "bob:777"},
        {"run_as_user": 1000, "supplemental_groups": [1234]},
        {"run_as_user": 1000, "supplemental_groups": [1234], "policy": "Strict"},
        {"run_as_user": 4242},
        {"run_as_user": 1001, "run_as_group": 500},
        {"run_as_username": "dup"},
        {"run_as_user": 4000, "supplemental_groups": [9, 8, 7, 8]},
    ]
    odd: list[dict[str, object]] = [
        {},
        *({"run_as_user": uid} for uid in (1500, 1501, 1502, 1503, 1504, 1505)),
        {"run_as_username": "last", "supplemental_groups": [300, 400, 1503]},
    ]
    return [
        Case(passwd, group, kubesim.resolve_identity(passwd=passwd, group=group, profile=profile, **request))  # type: ignore[arg-type]  # keywords by name
        for profile in ("containerd-2.3", "cri-o-1.36")
        for passwd, group, rows in ((PASSWD, GROUP, requests), (ODD_PASSWD, ODD_GROUP, odd))
        for request in rows
    ]


def emulated(world: World, case: Case) -> str:
    applets = [(f"/bin/{name}", file_node(mode=0o755, program=f"busybox:{name}")) for name in ("id", "sh", "whoami")]
    files = [("/etc/passwd", file_node(case.passwd.encode())), ("/etc/group", file_node(case.group.encode()))]
    container = FileSystem(build_tree([*applets, *files]), clock=lambda: 0)
    who = case.identity
    credentials = Credentials(uid=who.uid, gid=who.gid, groups=who.supplemental_groups)
    said = ""
    for command in COMMANDS:
        line = " ".join(command)
        ran = world.run("sh", "-c", f"{line} 2>&1; echo exit $?", files=container, who=credentials)
        said += f"$ {line}\n{ran.out}"
    return said


def why_not() -> str:
    """Why the real one cannot run here; "" when it can."""
    if os.geteuid() != 0:
        return "only root maps all ids into a user namespace"
    for program in ("busybox", "chroot", "unshare", "ldd"):
        if shutil.which(program) is None:
            return f"no {program} on this machine"
    if subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True).returncode:
        return "this machine makes no user namespaces"
    return ""


def real(root: Path, rows: list[Case]) -> list[str]:
    """What the real busybox says in each case: one namespace for all of them."""
    busybox = Path(shutil.which("busybox") or "busybox").resolve()
    linked = subprocess.run(["ldd", str(busybox)], check=False, capture_output=True, text=True).stdout
    for path in [str(busybox), *(word for word in linked.split() if word.startswith("/"))]:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (root / "etc").mkdir()
    root.chmod(0o755)  # whoever runs there must get in
    script = ["echo ready", "read _"]
    for number, case in enumerate(rows):
        for name, content in (("passwd", case.passwd), ("group", case.group)):
            (root / f"{name}-{number}").write_text(content, newline="")
            script.append(f"cp {root}/{name}-{number} {root}/etc/{name}")
        who = case.identity
        entered = f"chroot --userspec={who.uid}:{who.gid} --groups={','.join(map(str, who.supplemental_groups))} {root}"
        for command in COMMANDS:
            line = " ".join(command)
            script.append(f"echo '$ {line}'; {entered} {busybox} {line} 2>&1; echo exit $?")
        script.append("echo ---")
    (root / "script").write_text("\n".join(script))
    with subprocess.Popen(
        ["unshare", "--user", "sh", str(root / "script")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for kind in ("uid", "gid"):
            Path(f"/proc/{process.pid}/{kind}_map").write_text("0 0 4294967295\n")
        process.stdin.write("\n")
        process.stdin.close()
        said = process.stdout.read()
    return said.split("---\n")[:-1]


def test_id_says_what_the_real_busybox_says(world: World, tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    rows = cases()

    found = real(tmp_path, rows)

    assert len(found) == len(rows)
    for case, said in zip(rows, found, strict=True):
        assert emulated(world, case).splitlines() == said.splitlines(), case.identity
