"""What the n-grams of a text say of its label."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.tokenizers import distinct_ngrams, ngrams

__all__ = ["NgramScores"]

START = 0.4
"""What the scores begin at, over naive Bayes': with 1 they are too sure of themselves, from 0 on
they learn too late."""


class NgramScores(nn.Module):
    """A linear model over the n-grams that a text has, each weighed by naive Bayes beforehand.

    The score of a label is the sum over the text's distinct n-grams of a ratio, found by counting
    (:meth:`count`), times a weight, which is learnt: Wang and Manning 2012, "Baselines and
    Bigrams", section 2 (https://aclanthology.org/P12-2018), by logistic regression. Mesnil et al.
    2015 (arXiv:1412.5335) show how well it goes with a recurrent network, which reads what n-grams
    cannot see and needs more text to learn what they do.

    Args:
        longest: the tokens of the longest n-grams.
        buckets: of the table that n-grams are hashed into.
        labels: C.

    >>> scores = NgramScores(2, 1024, 2)
    >>> scores.count([(np.array([2, 5, 6, 3]), 0), (np.array([2, 5, 7, 3]), 1)])
    >>> scores(torch.tensor([[2, 6, 3]]), torch.tensor([3])).argmax().item()
    0
    """

    ratios: Tensor

    def __init__(self, longest: int, buckets: int, labels: int) -> None:
        super().__init__()
        self.longest, self.buckets = longest, buckets
        # The last row stands for no n-gram: it says nothing, and learns nothing.
        self.weight = nn.Parameter(torch.zeros(buckets + 1, labels))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.register_buffer("ratios", torch.zeros(buckets + 1, labels))

    def count(
        self, texts: Iterable[tuple[NDArray[np.int64], NDArray[np.int64] | int]], least: int = 1
    ) -> None:
        """Find the ratios by counting in which texts each n-gram stands.

        The ratio of an n-gram and a label is the logarithm of its share of the n-grams of the
        label's texts over its share of those of all others, one added to every count; 0 where it
        hardly occurred. The n-grams of a text say much the same, so the sum over K of them begins
        at :data:`START` over the square root of K. Ratios and weights have a fourth root of K each:
        where a text has many n-grams, a weight has to learn more slowly.

        Args:
            texts: the ids of each (T,), and its label or a row (C,) of 0 and 1.
            least: n-grams that stand in fewer texts say nothing: of long texts, most stand in one.
        """
        labels = self.ratios.shape[1]
        counts = np.zeros((2, self.buckets + 1, labels))  # in texts with the label, and without
        number = 0
        for ids, target in texts:
            lengths = np.array([len(ids)])
            (found,) = distinct_ngrams(ids[np.newaxis], lengths, self.longest, self.buckets)
            own = target if isinstance(target, np.ndarray) else np.arange(labels) == target
            counts[0, found] += own
            counts[1, found] += 1 - own
            number += 1
        counts[:, -1] = 0.0
        seen = counts.sum(0) >= least
        counts = (counts + 1.0) * seen
        whole = counts.sum(1, keepdims=True)
        with_it, without_it = np.log(np.maximum(counts, 1.0)) - np.log(np.maximum(whole, 1.0))
        mean = (counts - seen)[:, :, 0].sum() / max(number, 1)
        share = max(mean, 1.0) ** -0.25
        self.ratios.copy_(torch.from_numpy(share * np.where(seen, with_it - without_it, 0.0)))
        nn.init.constant_(self.weight, START * share)

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply what it says by a number."""
        self.weight.mul_(factor)
        self.bias.mul_(factor)

    def table(self) -> Tensor:
        """What each n-gram adds to each label's score (buckets + 1, C)."""
        return self.ratios * self.weight

    def occurrences(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Every n-gram of one text (T,), those that occur again too: what each adds, and its place.

        Returns:
            What each of K adds to the scores (K, C), which an n-gram that occurs m times does by
            m-ths; and which tokens it is made of (K, T), as 0 and 1.
        """
        lengths = np.array([len(ids)])
        every = ngrams(ids.cpu().numpy()[np.newaxis], lengths, self.longest, self.buckets)[0]
        longer, begins = np.nonzero(every < self.buckets)
        found = every[longer, begins]
        _, kind, counts = np.unique(found, return_inverse=True, return_counts=True)
        times = np.arange(len(ids)) - begins[:, np.newaxis]
        within = (times >= 0) & (times <= longer[:, np.newaxis])
        device = self.weight.device
        shares = torch.from_numpy(1.0 / counts[kind]).float().unsqueeze(1).to(device)
        adds = self.table()[torch.from_numpy(found).to(device)] * shares
        return adds, torch.from_numpy(within).float().to(device)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Texts (B, T) of ``lengths`` (B,) to the scores (B, C)."""
        given = ids.cpu().numpy(), lengths.cpu().numpy()
        found = torch.from_numpy(distinct_ngrams(*given, self.longest, self.buckets))
        found = found.to(self.weight.device)
        summed = (F.embedding(found, self.ratios) * F.embedding(found, self.weight)).sum(1)
        return summed + self.bias
