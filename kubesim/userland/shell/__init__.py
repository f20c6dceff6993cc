"""A POSIX shell as busybox ash behaves, in five steps: lexer, parser, expansion, evaluation, builtins.

    syntax      the tree of a script: words and commands
    lexer       text to tokens; words with their quoting and expansions
    parser      tokens to commands, one complete command at a time
    arithmetic  `$((...))`
    patterns    `*`, `?`, `[...]`: matching, trimming, file names
    expand      words to fields
    evaluate    commands to effects, in a process of the userland
    builtins_*  commands that are part of the shell

What the language has and this shell has not is a syntax error or an error of its builtin, never ignored.

Rejected: compiling scripts to Python. A tree that is walked is slower, but every step of it can wait on the kernel and
say where it stands.
"""
