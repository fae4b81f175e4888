"""Makes ``fakes`` importable: engines that need no model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "generation"))
