"""Run and evaluate tool-using AI agents locally."""

__version__ = "0.1.0"
__all__ = ["__version__"]
