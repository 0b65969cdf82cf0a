"""`python -m cictl` is the command `cictl`."""

import sys

from cictl.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
