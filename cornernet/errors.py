"""The exceptions that users meet beside ValueError, TypeError and OSError; their message is one sentence."""

BAD_INPUT, FAILED = 2, 1  # exit codes


class Failed(RuntimeError):
    """Something broke that the input is not to blame for; its message is one sentence."""


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop by a signal; what it had to save is saved. Holds the signal's number."""

    def __init__(self, number: int, message: str):
        super().__init__(message)
        self.number = number


class Unsaved(Exception):
    """A run came to its end, and its last state could not be written."""


class Damaged(ValueError):
    """The file is cut short, was altered after it was written, or never was a checkpoint."""


class BadPlugin(ImportError, ValueError):
    """A file that is to add to a registry cannot: it fails on import, or takes a name that there is already."""
