"""Standard streams that cannot end a run: what nobody takes any more, as its reader or its disk is gone, is dropped."""

import io
import os
import sys
from contextlib import suppress


class Lossy(io.FileIO):
    """Bytes into a file descriptor; those that the system does not take are lost, and why is kept in `error`."""

    error: OSError | None = None

    def write(self, data) -> int:
        """Write, or drop; the number of bytes is what either has used up."""
        size = memoryview(data).nbytes
        try:
            return super().write(data) or size  # None where it would have to wait
        except OSError as error:
            # a new one: that which was raised keeps the frames of all callers, and what they hold, unwritten files too
            self.error = OSError(error.errno, error.strerror)
            return size


def outlive() -> None:
    """Make stdout and stderr of this process, and of what it starts, streams that writing to never fails.

    A stream that is closed leads nowhere; one that other code has put in its place, as pytest does, is left alone.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else a checkpoint would get the free number, and with it whatever a C library prints
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name in enumerate(("stdout", "stderr"), 1):
        if getattr(sys, name) is getattr(sys, f"__{name}__"):
            stream = _stream(number, getattr(sys, name))
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _stream(number: int, before: io.TextIOWrapper | None) -> io.TextIOWrapper:
    """Text into a file descriptor, in the encoding of the stream before; what that lacks is written as an escape."""
    with suppress(AttributeError, OSError):
        if before is not None:
            before.flush()
    raw = Lossy(number, "w", closefd=False)
    by_line = number == 2 or raw.isatty() or getattr(before, "write_through", False)  # the last for python -u
    encoding = getattr(before, "encoding", "utf-8")
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=by_line)


def lost() -> OSError | None:
    """Why a part of stdout was lost, if it was and nobody wished so; a reader that leaves, as `| head`, did."""
    error = getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "error", None)
    return None if isinstance(error, BrokenPipeError) else error
