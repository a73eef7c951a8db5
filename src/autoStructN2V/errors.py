"""Errors that a user can cause.

Each message is one plain sentence: what was found, what is allowed, what to do. A user
interface shows it as it is; a traceback adds nothing for the person who reads it.
"""


def in_own_words(message: str) -> str:
    """Return what a validator of ours said, without what pydantic puts before it."""
    return message.removeprefix("Value error, ")


class UserError(Exception):
    """Base of every error that a user can cause and can mend."""


class InputError(UserError, ValueError):
    """The images cannot be used as they are."""


class ConfigError(UserError, ValueError):
    """The configuration is incomplete, contradictory or out of range."""


class KernelError(UserError, ValueError):
    """The kernel has the wrong shape, dtype or content."""


class ModelError(UserError, ValueError):
    """A model file is missing, damaged, hostile or does not fit."""


class DeviceError(UserError, RuntimeError):
    """The requested device does not exist or has too little memory."""


class OutputError(UserError, OSError):
    """Results cannot be written where they should go."""


class ClusterError(UserError, RuntimeError):
    """The machines that work together cannot be reached, or do not fit together."""


class TrainingError(UserError, ArithmeticError):
    """Training diverged."""
