"""`python -m spanbert_teach`: the command line of the course."""

import sys

from spanbert_teach.terminal import loading

with loading():
    from spanbert_teach.cli import main

sys.exit(main())
