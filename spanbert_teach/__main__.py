"""`python -m spanbert_teach`: the command line of the course."""

import sys

from spanbert_teach.course import main

sys.exit(main())
