"""What an OCI runtime says of a mount that fails: runc 1.4's words as seen, crun's as read in its source."""

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.oci_mount_failure import FailedMount, crun_mount_failure, runc_mount_failure

MOUNT = FailedMount(source="/s", destination="/v/new", step="point", path="/v/new", reason="Read-only file system")
CREATE = 'error mounting "/s" to rootfs at "/v/new": create mountpoint for /v/new mount: '


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, f'{CREATE}make mountpoint "/v/new": mkdirat /root/v/new: read-only file system'),
        ({"path": "/v"}, f'{CREATE}make mountpoint "/v/new": mkdirat /root/v: read-only file system'),
        ({"is_file": True}, f'{CREATE}make mountpoint "/v/new": openat new: read-only file system'),
        (
            {"is_file": True, "path": "/v"},
            f'{CREATE}make mountpoint "/v/new": mkdirat /root/v: read-only file system',
        ),
        (
            {"step": "way", "path": "/v", "reason": "Not a directory"},
            f"{CREATE}lookup mountpoint target: securejoin.OpenInRoot /v/new: openat2 /v/new: not a directory",
        ),
        ({"step": "source"}, "failed to fulfil mount request: open /s: read-only file system"),
        ({"step": "root"}, f'{CREATE}mountpoint "/root" is on the top of rootfs "/root"'),
        (
            {"step": "mount", "reason": "Not a directory", "is_read_only": True},
            (
                'error mounting "/s" to rootfs at "/v/new": mount src=/s, dst=/v/new, dstFd=/proc/thread-self/fd/14, '
                "flags=MS_RDONLY|MS_BIND|MS_REC: not a directory"
            ),
        ),
        (
            {"step": "mount", "reason": "Not a directory"},
            (
                'error mounting "/s" to rootfs at "/v/new": mount src=/s, dst=/v/new, dstFd=/proc/thread-self/fd/14, '
                "flags=MS_BIND|MS_REC: not a directory"
            ),
        ),
    ],
)
def test_runc(changes, message):
    assert runc_mount_failure(replace(MOUNT, **changes), root="/root") == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "mkdir `/v/new`: Read-only file system"),
        ({"is_file": True}, "open `/root/v/new`: Read-only file system"),
        ({"is_file": True, "path": "/v"}, "mkdir `/v`: Read-only file system"),
        ({"step": "source"}, "cannot stat `/s`: Read-only file system"),
        (
            {"step": "way", "path": "/v", "reason": "Not a directory"},
            "error creating directory `v/new` since `v` exists and it is not a directory: Not a directory",
        ),
        (
            {"step": "mount", "source": "overlay", "reason": "Invalid argument"},
            "mount `overlay` to `v/new`: Invalid argument",
        ),
        ({"step": "root", "destination": "/", "reason": "Invalid argument"}, "mount `/s` to ``: Invalid argument"),
    ],
)
def test_crun(changes, message):
    assert crun_mount_failure(replace(MOUNT, **changes), root="/root") == message
