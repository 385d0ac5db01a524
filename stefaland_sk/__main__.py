"""Run the command line: ``python -m stefaland_sk``."""

import sys

from stefaland_sk.benchmark._cli import main

if __name__ == "__main__":
    sys.exit(main())
