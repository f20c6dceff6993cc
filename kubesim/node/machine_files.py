"""What every Linux machine has on its disk, as far as pods may look for it with a hostPath volume.

A volume with a type (`File`, `Directory`) keeps its pod from starting where the path is something else, or nothing.
"""

from __future__ import annotations

from kubesim.userland.files.host_memory import MemoryHostFiles

DIRECTORIES = (
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/home", 0o755),
    ("/mnt", 0o755),
    ("/opt", 0o755),
    ("/proc", 0o555),
    ("/root", 0o700),
    ("/run", 0o755),
    ("/srv", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),  # noqa: S108 - a folder of the emulated machine
    ("/usr", 0o755),
    ("/var/lib", 0o755),
    ("/var/log", 0o755),
)


def machine_files(*, node_name: str) -> MemoryHostFiles:
    """The disk of a fresh machine: its folders, its name, and its accounts."""
    files = MemoryHostFiles()
    for path, mode in DIRECTORIES:
        files.make_dirs(path, mode)
    for name, text in (
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("hostname", f"{node_name}\n"),
        ("hosts", "127.0.0.1\tlocalhost\n"),
        ("passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"),
    ):
        files.write(f"/etc/{name}", text.encode())
    return files
