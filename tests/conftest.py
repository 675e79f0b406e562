"""What holds for every test."""

import signal

# A run that was started in the background inherits an ignored Ctrl-C, and would hand it on to
# every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
