"""``textrnn doctor``: what is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict

from textrnn import __version__
from textrnn.cli._errors import say
from textrnn.cli._io import aligned, json_line, open_stdout
from textrnn.cli._machine import Finding, devices, packages, processor
from textrnn.cli._options import Json, Quiet, Verbose, examples, new_app
from textrnn.errors import TextRNNError

__all__ = ["app", "doctor", "examine"]

app = new_app()


@app.command(
    epilog=examples("textrnn doctor", "textrnn doctor --json | jq -r 'select(.fix != \"\").fix'")
)
def doctor(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Say what is installed, what is missing, and how to install it."""
    findings = list(examine())
    with open_stdout() as out:
        if json:
            out.writelines(json_line(asdict(finding)) + "\n" for finding in findings)
        else:
            rows = [[f.state, f.name, f.value, f.fix and f"-> {f.fix}"] for f in findings]
            out.writelines(line + "\n" for line in aligned(rows))
    faults = sum(finding.state not in ("ok", "absent") for finding in findings)
    say(f"{faults} of {len(findings)} need attention" if faults else "all is well")


def examine() -> Iterator[Finding]:
    """Everything there is to say about this installation; torch is loaded for it."""
    yield Finding("textrnn", __version__)
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("system", platform.platform())
    yield from packages()
    yield processor()
    yield from devices()
    yield from shipped()


def shipped() -> Iterator[Finding]:
    """Each model that ships, with every hash checked."""
    from textrnn.model_folder import find_model, open_model_folder, shipped_models

    for name in shipped_models():
        path = find_model(name)
        try:
            folder = open_model_folder(path)
            folder.verify()
        except TextRNNError as error:
            yield Finding(
                f"model {name}", str(error), "broken", "pip install --force-reinstall textrnn"
            )
            continue
        size = sum(entry["bytes"] for entry in folder.config["files"].values())
        yield Finding(f"model {name}", f"{folder.task}, {size / 1e6:.1f} MB, every hash is right")
