"""When an attached client is detached although the container goes on.

containerd lets a client go with its input, except where that ends the container's too. CRI-O lets it go when the input
has ended or never was, where the container waits for the next client's and has no terminal; so a client that only wants
to look at such a container is let go at once.

Mirrors containerd: internal/cri/io/container_io.go, Attach; CRI-O: internal/oci/runtime_oci.go, AttachContainer.
"""

from __future__ import annotations

from kubesim.policy.streaming_switches import AttachEnd


def ends_with_input(rule: AttachEnd, *, stdin: bool, stdin_once: bool, tty: bool) -> bool:
    """Whether the end of its input detaches a client; the three are the container's."""
    if rule == "with-input-unless-once":
        return tty or not stdin_once
    return stdin and not stdin_once and not tty


def ends_without_input(rule: AttachEnd, *, stdin: bool, stdin_once: bool, tty: bool) -> bool:
    """Whether a client that brings no input is detached at once."""
    is_by_end = rule == "with-input-without-terminal"
    return is_by_end and ends_with_input(rule, stdin=stdin, stdin_once=stdin_once, tty=tty)
