"""``textrnn recipes``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from textrnn.recipe import load_recipe, recipe_names, recipe_path, recipe_summary


def test_list(run: Callable) -> None:
    records = run("recipes", "list", "--json").records
    assert [record["name"] for record in records] == recipe_names()
    assert all(list(record) == ["name", "title", "reached"] for record in records)
    lines = run("recipes", "list").lines
    assert [line.split()[0] for line in lines] == recipe_names()
    assert max(len(record["reached"]) for record in records) > max(map(len, lines))
    assert any(line.endswith(" …") for line in lines)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_says_what_it_is(name: str) -> None:
    assert load_recipe(name).task
    title, _ = recipe_summary(recipe_path(name))
    assert title.endswith(".")


def test_show(run: Callable) -> None:
    name = recipe_names()[0]
    assert run("recipes", "show", name).out == recipe_path(name).read_text()
    done = run("recipes", "show", name[:-1])
    assert (done.code, f"did you mean '{name}'?" in done.err) == (2, True)


def test_copy(run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = recipe_names()[0]
    text = recipe_path(name).read_text()
    done = run("recipes", "copy", name)
    assert (tmp_path / f"{name}.yaml").read_text() == text
    assert f"textrnn train {name}.yaml --output DIR" in done.err
    done = run("recipes", "copy", name)
    assert (done.code, f"{name}.yaml exists: give another name, or --force" in done.err) == (
        2,
        True,
    )
    (tmp_path / "mine.yaml").write_text("old")
    assert run("recipes", "copy", name, "mine.yaml", "--force", "-q").err == ""
    assert (tmp_path / "mine.yaml").read_text() == text
    (tmp_path / "folder").mkdir()
    run("recipes", "copy", name, "folder")
    assert (tmp_path / "folder" / f"{name}.yaml").read_text() == text
