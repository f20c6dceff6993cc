"""The command line: one module per subcommand, imported only when it is asked for.

Exit codes: 0 done, 1 an expectation failed, 2 bad input (one line on stderr: where, what, and what would be right).
"""

from kubesim.cli.entry import main

__all__ = ["main"]
