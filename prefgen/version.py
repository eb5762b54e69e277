"""The version of prefgen."""

__version__ = "0.1.0"
