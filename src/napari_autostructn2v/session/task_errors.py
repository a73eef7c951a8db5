"""What a person is told of an error."""

from __future__ import annotations

from autoStructN2V.errors import UserError


def error_text(error: Exception) -> str:
    """Return what a person is told about an error.

    Errors that a person can mend say so in one sentence; of others the kind is named as well.
    """
    if isinstance(error, UserError):
        return str(error)
    cause = error.__cause__ or error
    if isinstance(cause, UserError):
        return str(cause)
    return f"Something unexpected went wrong ({type(cause).__name__}: {str(cause)[:300]})."
