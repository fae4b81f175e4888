"""A user's sentence pairs, of which a part is held out."""

from __future__ import annotations

from pathlib import Path

from textrnn.model_folder import open_model_folder
from textrnn.recipe.pair_data import hold_out
from textrnn.recipe.tasks._base import Asked


def test_pairs_with_an_empty_side_are_told_of(toy_translator: Path, tmp_path: Path) -> None:
    table = tmp_path / "some.tsv"
    table.write_text("the cat\tder Kater\n\tnichts\nthe dog\t \n" + "ran\tlief\n" * 10)
    folder = open_model_folder(toy_translator)
    held = hold_out(folder, Asked(table), tmp_path / "held")
    assert (
        "some.tsv: 11 of 13 pairs are used; left out: 2 with an empty side "
        "(the first: some.tsv, pair 2)"
    ) in held.notices
    table.write_text("the cat\tder Kater\n" + "ran\tlief\n" * 10)
    assert not any("left out" in one for one in hold_out(folder, Asked(table), tmp_path).notices)
