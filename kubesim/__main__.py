"""`python -m kubesim`: the command line without the installed script."""

import sys

from kubesim.cli import main

if __name__ == "__main__":
    sys.exit(main())
