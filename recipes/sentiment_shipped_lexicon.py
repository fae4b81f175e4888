"""Words of feeling and whole sentences for the grammar, found in labelled texts.

The sign of a word is the log-odds of the texts that it stands in, over their standard deviation. An
adjective is what follows words of degree ("very", "so"), or ends what a form of "be" begins; one of
persons follows "I am" as well. Sentences are the short ones of a set, without a word that may turn
or weigh what they say.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from sentiment_shipped_grammar import SIGNS, Lexicon

__all__ = ["lexicons"]

DEGREE = "very really so too quite extremely incredibly pretty truly more most absolutely"
BE = "is was are were it's looks feels seems"
ENDS = ". , ! ; and but"
PLACES = 3
"""How often at least an adjective stands where adjectives do."""

SHARE = 0.015
"""Of how many of its places that is, at least; and for adjectives of persons, "I am"."""

SURE = 1.2
"""From how many standard deviations on a word has a sign."""

MISREAD = """
    about accurately adequate after anything appreciate attention average badly better big bit blame
    blessed brave busy call care cares casual challenging cheap cheaper clich close closed common
    completely contemporary crying cursed cute damn damned dead deep deeply different digital does
    doing dont down dramatic dry eager earnest easily emma enjoy enjoyed epic everyone everything
    expecting fast felt few fine fit flawed free fucked fucking fully garbage genius getting gold
    gone green guilty guys haha happened hard harm hate hated healthy hope hopeful hopefully hoping
    hot hours hurt i'll ideal im intense involved ironic job lacking laughs left let's light liked
    likely little long lost love loved loves low mad making matter mean memory minor minutes miss
    missing modern moving needed needs neither nicely none nothing now nowhere obvious of often old
    op over parents people plastic power pretty promising quickly random rare real removable right
    saying scary selfish serious shines shit shouldn't sick sincere small songs soon standard
    substance sucks sure taken talking than then there's thin times tiny today trash trouble true
    unexpected unlucky very viewers vividly want wanted watch we we're well what's why willing wish
    women worse wrong yeah years zero zoom
"""
"""What is no adjective of feeling by itself, though it is counted as one."""

NOT_THESE = {*MISREAD.split(), *ENDS.split()}

WEIGHING = re.compile(
    r"n't\b|n t\b|\b(?:no|not|nor|never|none|nothing|nobody|but|though|although|however|yet|if|"
    r"would|could|should|might|than|without|cannot|despite|while|except|hardly|barely|too|lacks?|less|"
    r"instead|unless|except|until|still|only|even|wish|few|little|rather)\b|[?:;()\"]"
)


BEGINNING = re.compile(r"(the|it|this|i|my|we|these|they|all)\b")


def lexicons(
    texts: Sequence[tuple[str, str]], told: Iterable[tuple[str, str]]
) -> dict[str, Lexicon]:
    """Of each sign, what the grammar takes.

    Args:
        texts: labels and texts that words are counted in.
        told: labels and texts that sentences are taken from.
    """
    after, feeling, whole = counts(text for _, text in texts)
    odds = log_odds(texts)
    found = {sign: ([], [], []) for sign in SIGNS}
    for word, many in after.items():
        sign = SIGNS[odds[word] < 0]
        if many < PLACES or many < SHARE * whole[word] or abs(odds[word]) < SURE:
            continue
        if word in NOT_THESE or (word.endswith("ly") and not word.endswith(("dly", "ely", "gly"))):
            continue
        found[sign][feeling[word] >= SHARE * whole[word]].append(word)
    for label, text in told:
        plain = text.strip().rstrip(" .!").lower()
        short, begins = 4 <= len(plain.split()) <= 14, BEGINNING.match(plain)
        if short and begins and not WEIGHING.search(plain):
            found[label][2].append(re.sub(r"\bi\b", "I", plain))
    return {sign: Lexicon(*some) for sign, some in found.items()}


def counts(texts: Iterable[str]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """How often each word stands like an adjective, how often after "I am", and how often it is."""
    after, feeling, whole = Counter[str](), Counter[str](), Counter[str]()
    degree, be, ends = DEGREE.split(), BE.split(), ENDS.split()
    for text in texts:
        words = ["", "", *words_of(text), "."]
        for first, second, word, then in zip(words, words[1:], words[2:], words[3:], strict=False):
            whole[word] += 1
            after[word] += second in degree or (second in be and then in ends)
            feeling[word] += "i'm" in (first, second) or "am" in (first, second)
    return after, feeling, whole


def log_odds(texts: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Of each word, log-odds of positive over negative texts, in standard deviations."""
    having = {sign: Counter[str]() for sign in SIGNS}
    total = Counter(label for label, _ in texts)
    for label, text in texts:
        having[label].update({*words_of(text)})

    def share(word: str, sign: str) -> float:
        return math.log((having[sign][word] + 0.5) / (total[sign] - having[sign][word] + 0.5))

    return {
        word: (share(word, SIGNS[0]) - share(word, SIGNS[1]))
        / math.sqrt(sum(1 / (having[sign][word] + 0.5) for sign in SIGNS))
        for word in having[SIGNS[0]] | having[SIGNS[1]]
    }


def words_of(text: str) -> list[str]:
    """Its words in small letters, and what ends them."""
    return re.findall(r"[a-z]+(?:['-][a-z]+)*|[.,!;]", text.lower())
