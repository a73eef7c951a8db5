"""The command line ``autostructn2v``."""

from autoStructN2V.cli.main import main

__all__ = ["main"]
