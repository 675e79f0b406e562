"""An agentctl project around public recordings: the customer tasks of WorkBench."""
