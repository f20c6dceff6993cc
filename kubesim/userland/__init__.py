"""The userland: the world that a container's processes see. No process of the host is ever started.

    files/           one container's files: an image's read-only tree, a writable layer in memory, mounts on top; and
                     the node's files behind bind mounts and logs: the real disk, or one in memory
    processes/       processes as kernel tasks: descriptors, signals, exit codes, pid namespaces, memory limits
    shell/           a POSIX shell as busybox ash behaves: lexer, parser, expansion, evaluation
    applets/         busybox's commands, in packages as busybox keeps them: `async def run(process) -> int`
    image_programs/  programs of well-known images, of the same shape
    programs         which of them runs for the name that a file of an image carries

Rules
    1. What a process does not do in virtual time costs nothing: a sleeping container is one timer.
    2. Texts are those of busybox and of the C library that users see; what is not emulated says so and fails.
    3. A bind of the host never follows a link out of the bind.

Rejected: running real binaries. Thousands of containers would need root, images for the machine's architecture and
real time. Rejected: a table of canned answers per command. Probes and hooks are shell scripts, and only a shell
answers them.
"""
