"""What the command line says on stderr, and with which exit code it ends.

Every line reads ``textrnn: error: ...``, ``textrnn: warning: ...`` or ``textrnn: ...``. The talk
is the logger ``textrnn``: ``--quiet`` leaves errors only, ``--verbose`` adds tracebacks. Of other
libraries' talk errors are heard, with ``--verbose`` warnings too.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from textrnn.errors import TextRNNError

__all__ = ["INTERRUPTED", "detail", "explained", "say", "set_talk", "usage_error", "warn"]

INTERRUPTED = 130
_LOG = logging.getLogger("textrnn")
_LIBRARIES = {
    library: variable
    for library, variable in (
        ("huggingface_hub", "HF_HUB_VERBOSITY"),
        ("datasets", "DATASETS_VERBOSITY"),
    )
    if variable not in os.environ  # the user has chosen
}
_BARS = [
    variable
    for variable in ("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS")
    if variable not in os.environ
]
_NO_MEMORY = re.compile("allocate memory|out of memory")  # as PyTorch says it, of CPU and GPU
_PREFIX = {"ERROR": "error: ", "WARNING": "warning: ", "INFO": "", "DEBUG": ""}


class _Talk(logging.Handler):
    """Writes to whatever stderr is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        line = " ".join(record.getMessage().split("\n"))
        sys.stderr.write(f"textrnn: {_PREFIX.get(record.levelname, '')}{line}\n")
        sys.stderr.flush()


def set_talk(*, quiet: bool = False, verbose: bool = False) -> None:
    """Choose how much is said, for the rest of the command."""
    _LOG.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO)
    if not any(isinstance(handler, _Talk) for handler in _LOG.handlers):
        _LOG.addHandler(_Talk())
        _LOG.propagate = False
    level = "warning" if verbose else "error"
    for library, variable in _LIBRARIES.items():
        os.environ[variable] = level  # read when the library is imported
        logging.getLogger(library).setLevel(level.upper())
    for variable in _BARS:  # of downloads
        os.environ.pop(variable, None)
        if quiet:
            os.environ[variable] = "1"


def say(message: str) -> None:
    """Tell the user something on stderr, unless ``--quiet``."""
    _LOG.info("%s", message)


def detail(message: str) -> None:
    """Tell the user something on stderr, with ``--verbose``."""
    _LOG.debug("%s", message)


def warn(message: str) -> None:
    """Warn the user on stderr, unless ``--quiet``."""
    _LOG.warning("%s", message)


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever stops a command into one line on stderr and an exit code.

    Raises:
        typer.Exit: with the exit code, after the line has been written.
    """
    try:
        yield
    except TextRNNError as error:
        raise _failed(str(error), error.exit_code) from error
    except typer.TyperException as error:
        raise _failed(usage_error(error), error.exit_code) from error
    except KeyboardInterrupt as error:
        raise _failed("interrupted", INTERRUPTED) from error
    except BrokenPipeError as error:
        _forget_stdout()
        raise typer.Exit(0) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _failed(f"{where}{error.strerror or error}", 1) from error
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
            raise _failed("out of memory: take a smaller model, batch or window", 1) from error
        what = f"{type(error).__name__}: {error}"
        raise _failed(f"unexpected {what}; --verbose shows where", 1) from error


def _failed(message: str, code: int) -> typer.Exit:
    if _LOG.isEnabledFor(logging.DEBUG):
        traceback.print_exc()
    _LOG.error("%s", message)
    return typer.Exit(code)


def _forget_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at the end is quiet too."""
    with open(os.devnull, "w") as nothing:
        try:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        except (OSError, ValueError):  # stdout is not a file here, as under a test runner
            sys.stdout = sys.__stdout__


def usage_error(error: typer.TyperException) -> str:
    """One line for a wrong option: what was given, what is allowed, where to read more."""
    message = error.format_message().rstrip(".")
    refusals = getattr(error.__cause__, "errors", None)  # pydantic's, where a value was refused
    if refusals is not None:
        message += f" (given {refusals()[0]['input']!r})"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "textrnn"
    return f"{message}; see '{command} --help'"
