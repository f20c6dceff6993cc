"""The userland: the world that a container's processes see. No process of the host is ever started.

    filesystem      one container's files: an image's read-only tree, a writable layer in memory, mounts on top
    host_files      the node's files behind bind mounts and logs: the real disk, or one in memory
    process         processes as kernel tasks: descriptors, signals, exit codes, pid namespaces, memory limits
    programs        which emulated program runs for the name that a file of an image carries
    applets/        busybox's commands and the programs of well-known images: `async def run(process) -> int`
    shell/          a POSIX shell as busybox ash behaves: lexer, parser, expansion, evaluation

Rules
    1. What a process does not do in virtual time costs nothing: a sleeping container is one timer.
    2. Texts are those of busybox and of the C library that users see; what is not emulated says so and fails.
    3. A bind of the host never follows a link out of the bind.

Rejected: running real binaries. Thousands of containers would need root, images for the machine's architecture and
real time. Rejected: a table of canned answers per command. Probes and hooks are shell scripts, and only a shell
answers them.
"""
