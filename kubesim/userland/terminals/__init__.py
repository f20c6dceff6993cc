"""Terminals: what stands between the keys of a user and the processes of a session.

    settings     what stty shows: the modes, the special characters, the size
    input_line   what becomes of typed bytes: lines, echo, signals
    terminal     one pseudo terminal: its master side, its open files, the session that it controls

Mirrors linux: drivers/tty/n_tty.c, tty_jobctrl.c and pty.c.
"""
