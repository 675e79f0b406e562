"""Everything that a command may load, loaded once: processes of tests are forked from here."""

import pkgutil
import warnings
from importlib import import_module

import agentctl.cli
from agentctl.models.provider.live import open_litellm

for module in pkgutil.walk_packages(agentctl.cli.__path__, "agentctl.cli."):
    import_module(module.name)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    open_litellm()
