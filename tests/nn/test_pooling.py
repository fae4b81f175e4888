"""Pooling over time: real tokens alone, and windows joined are the whole."""

from __future__ import annotations

import pytest
import torch

from textrnn.errors import UnknownNameError, UsageError
from textrnn.nn.pooling import POOLINGS, Pooling

KINDS = tuple(POOLINGS)


def outputs() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(3, 9, 4), torch.tensor([9, 4, 7])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("directions", [1, 2])
def test_padding_does_not_count(kind: str, directions: int) -> None:
    pooling = Pooling((kind,), 4, directions=directions)
    values, lengths = outputs()
    together = pooling.features(pooling.gather(values, lengths), lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = pooling.gather(values[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(
            pooling.features(alone, lengths[row : row + 1])[0], together[row]
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("directions", [1, 2])
def test_windows_joined_are_the_whole(kind: str, directions: int) -> None:
    pooling = Pooling((kind,), 4, directions=directions)
    values, _ = outputs()
    full = torch.full((3,), 9)
    whole = pooling.gather(values, full)
    parts = [(0, 4), (4, 6), (6, 9)]
    found = None
    for begin, end in parts:
        now = pooling.gather(values[:, begin:end], torch.full((3,), end - begin))
        found = now if found is None else pooling.join(found, now)
    assert found is not None
    torch.testing.assert_close(pooling.features(found, full), pooling.features(whole, full))


def test_features_stand_in_the_order_asked_for() -> None:
    values, lengths = outputs()
    one, other = Pooling(("mean", "last"), 4), Pooling(("last", "mean"), 4)
    first = one.features(one.gather(values, lengths), lengths)
    second = other.features(other.gather(values, lengths), lengths)
    torch.testing.assert_close(first, second.roll(4, 1))


def test_attention_is_a_mean_by_weights() -> None:
    pooling = Pooling(("attention",), 4, attention_size=3)
    with torch.no_grad():
        pooling.query.weight.zero_()  # equal scores: the plain mean
    values, lengths = outputs()
    mean = torch.stack([row[:n].mean(0) for row, n in zip(values, lengths.tolist(), strict=True)])
    torch.testing.assert_close(pooling.features(pooling.gather(values, lengths), lengths), mean)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'max'"):
        Pooling(("mix",), 4)
    with pytest.raises(UsageError, match="needs a kind"):
        Pooling((), 4)
