"""Whether this system can stop a call that never ends; Windows cannot."""

import signal

import pytest

ALARM = hasattr(signal, "setitimer")
needs_alarm = pytest.mark.skipif(not ALARM, reason="this system has no timer for a call")
