"""Sentences in which more than words decide what is felt: the grammar behind sentiment-en.

A template is written once and filled for both signs, with words whose sign the labelled texts tell
(``sentiment_shipped_lexicon.py``), so that a word by itself says nothing about the label. In a
template ``{word}`` is an adjective, ``{like}`` and ``{liked}`` a verb, ``{gift}`` a noun,
``{feeling}`` what somebody is and ``{clause}`` a sentence of a set, all of one sign; ``{other}``,
``{foes}`` and ``{counter}`` are of the opposite one. A template after ``keeps`` has the sign of
``{word}``, one after ``turns`` the opposite sign; where both ``{word}`` and ``{other}`` stand, the
sentence as a whole has that of ``{word}``. ``{it}`` is what is spoken of.

The templates go by phenomenon, as grammars of English list them, and not by what a classifier gets
wrong. An eighth of them, and of the words, is held out: what is made of both tells whether the
phenomenon is learnt, or the template.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

__all__ = ["Lexicon", "Sentence", "sentences"]

SIGNS = ("positive", "negative")

TEMPLATES = """
# plain, keeps
{it} {is} {very} {word}
{it} {is} {very} {word} and {word}
{it} {is} {word}, {word} and {word}
a {very} {word} {noun}
what a {word} {noun}
such a {word} {noun}
this is a {word} {noun}
{who} {liked} {it}
{who} really {liked} {it}
I am {very} {feeling} about {it}
I found {it} {very} {word}
{who} thought {it} {was} {word}
{it} turned out to be {word}
{it} {has} been {word} from the first day
I have always {liked} {it}
everything about {it} {was} {word}
{it} made me {feeling}
full of {gifts}
{it} {is} full of {gifts}
you will {like} {it}
one of the {word} {nouns}
{clause}
# question, keeps
who would not {like} {it}?
how could anyone not {like} {it}?
why did nobody tell me how {word} {it} {was}?
{arent} {it} {word}?
did I mention how {word} {it} {is}?
how {word} can a {noun} be?
# question, turns
what is {word} about {it}?
who could call {it} {word}?
why would anyone {like} {it}?
who told you that {it} {was} {word}?
{so} {word}? I don't think so
{word}? not {it}
how is this {word}?
# negation, turns
{it} {isnt} {that} {word}
{it} {isnt} {word}
{it} {wasnt} {word} at all
{it} {isnt} {word} or {word}
{it} {isnt} exactly {word}
{it} {isnt} what I would call {word}
{it} {isnt} a {word} {noun}
not {that} {word}
not a {word} {noun}
not one {word} thing
no {gifts}
{it} {has} no {gifts}
{it} never {was} {word}
{it} never got {word}
{it} {is} no longer {word}
{who} didn't {like} {it}
{who} did not {like} {it} {much}
{who} never {liked} {it}
I don't {like} {it} {much}
I can't {like} {it}
I won't {like} {it}
I am not {very} {feeling} about {it}
nothing about {it} {was} {word}
there was nothing {word} in {it}
there isn't a {gift} in {it}
{it} {is} without {gifts}
without a single {gift}
{it} {is} free of {gifts}
{it} {is} neither {word} nor {word}
{nobody} {liked} {it}
{nobody} was {feeling} about {it}
{it} {is} hardly {word}
{it} {is} scarcely {word}
{it} {doesnt} seem {word}
{it} {doesnt} look {word} to me
{it} didn't feel {word}
{it} {is} far from {word}
{it} {is} anything but {word}
{it} failed to be {word}
I see no {gifts}
not a {gift} anywhere
don't {like} {it}
# negation far away, turns
I don't think {it} {is} {very} {word}
I don't think that {who} {liked} {it}
I don't believe that {it} {is} {word} or {word}
I do not find {it} {very} {word}
I can't say that {it} {was} {word}
I can't say {who} {liked} {it}
I cannot say that I am {feeling} about {it}
I could not honestly call {it} {word}
I wouldn't say {it} {is} {word}
I wouldn't go as far as to call {it} {word}
I would never say that {it} {is} {very} {word}
I doubt that {it} {is} {word}
I doubt anyone will {like} {it}
I doubt that {who} {liked} {it}
it is not true that {it} {is} {word}
it isn't as if {it} {was} {word}
nobody would say that {it} {is} {word}
{nobody} thinks that {it} {is} {word}
{nobody} who has tried it thinks that {it} {is} {word}
{nobody} will tell you that {it} {is} {word}
there is no reason to {like} {it}
there is no reason to think that {it} {is} {word}
there was no moment at which {it} {was} {word}
at no time {was} {it} {word}
not once {was} {it} {word}
not for a minute did I think that {it} {was} {word}
in none of these weeks {was} {it} {word}
never in all these years {was} {it} {word}
I have yet to find a {gift} in {it}
I have yet to meet anyone who {liked} {it}
I looked for {gifts} and found none
I have been looking for the {gifts} that others write about and there are none
{it}, whatever my brother says, {isnt} {word}
{it}, which I bought for my mother, {isnt} {that} {word}
{it} {wasnt}, as far as I can tell, {word}
{it} that everyone talks about {isnt} {word}
those who call {it} {word} are mistaken
whoever says that {it} {is} {word} is wrong
I disagree with those who find {it} {word}
it would be wrong to call {it} {word}
it is a lie that {it} {is} {word}
I fail to see what is {word} about {it}
I don't see why people {like} {it}
I don't understand how anyone can {like} {it}
you can't call that {word}
it is impossible to {like} {it}
I could not bring myself to {like} {it}
by no stretch of the imagination {is} {it} {word}
I am not saying that {it} {is} {word}
it is not that I {like} {it}
I can't agree that {clause}
I don't think that {clause}
it is not true that {clause}
nobody can say that {clause}
I doubt that {clause}
they say that {clause}, but it is not true
# negation twice, keeps
I can't say that {it} {isnt} {word}
I can't say I didn't {like} {it}
I don't think {it} {isnt} {word}
nobody can say that {it} {isnt} {word}
nobody would deny that {it} {is} {word}
there is no denying that {it} {is} {word}
I don't doubt that {it} {is} {word}
I have no doubt that {it} {is} {word}
there is no doubt that {who} {liked} {it}
not once {was} {it} not {word}
never {was} {it} anything but {word}
{it} {is} nothing if not {word}
{it} {is} nothing but {word}
{it} {is} nothing less than {word}
{it} never failed to be {word}
{it} never stopped being {word}
it isn't true that {it} {isnt} {word}
it is not as if {who} didn't {like} {it}
{nobody} didn't {like} {it}
there is nobody who didn't {like} {it}
{it} {isnt} without {gifts}
{it} {is} not free of {gifts}
you can't not {like} {it}
I am not one of those who don't {like} {it}
don't think that {it} {isnt} {word}
not a day without a {gift}
I don't disagree that {it} {is} {word}
nobody disputes that {clause}
I don't deny that {clause}
there is no doubt that {clause}
it is not only {word} but {word}
{it} {is} not only {word} but {word}
not just {word}, {word}
{it} {is} not merely {word}, {they} {is} {word}
# negation made stronger, turns
not {word} at all
{it} {isnt} {word} in the slightest
{it} {isnt} in the least {word}
{it} {isnt} the least bit {word}
{it} {isnt} remotely {word}
{it} {isnt} even close to {word}
{it} {is} absolutely not {word}
{it} {is} definitely not {word}
{it} {is} certainly not {word}
{it} {is} by no means {word}
{it} {is} in no way {word}
{it} {is} not, I repeat, not {word}
not even a little {word}
not even {word}
nothing {word} whatsoever
no {gifts} whatsoever
not a trace of a {gift}
{it} {isnt} half as {word} as they say
{it} {isnt} nearly as {word} as people claim
{it} {isnt} so {word} after all
I didn't {like} {it} at all
I did not {like} {it} one bit
I really, really don't {like} {it}
never ever {was} {it} {word}
none of it was {word}
absolutely nobody {liked} {it}
there was not even one {gift} in {it}
{it} {is} not {word} and never will be
# most of all, keeps
{it} could not be more {word}
{it} couldn't have been any more {word}
I couldn't be more {feeling} about {it}
I have never seen a more {word} {noun}
I have never seen such a {word} {noun}
I have never been so {feeling} about a {noun}
never before have I had such a {word} {noun}
no other {noun} is as {word} as this one
nothing is more {word} than {it}
nobody makes a more {word} {noun}
there is no {noun} more {word} than this
you won't find a more {word} {noun}
I can't think of a more {word} {noun}
I can't tell you how {word} {it} {is}
you can't imagine how {word} {it} {was}
you would not believe how {word} {it} {is}
I can't stop telling people how {word} {it} {is}
words cannot say how {word} {it} {is}
{it} never {was} this {word} before
{it} {is} the most {word} {noun} of the year
it doesn't get any more {word} than this
# stronger, keeps
{it} {is} {highly} {word}
{highly} {word}
{highly} {word}, {highly} {word}
a {highly} {word} {noun}
{it} {is} so {word} that I had to tell everyone
{it} {is} as {word} as can be
{it} {is} every bit as {word} as they say
{it} {is} even more {word} than I thought
{it} {is} more than {word}
{who} {liked} every minute of it
I do {like} {it}
{it} really {is} that {word}
{word} {word} {word}
so so {word}
{it} {is} {word}, and I mean {word}
# weaker, turns
{it} {is} barely {word}
{it} {is} only barely {word}
barely {word}
{it} {is} almost never {word}
{it} {is} seldom {word}
{it} {is} rarely {word}
{it} {is} hardly ever {word}
{it} {has} hardly any {gifts}
{it} {has} few {gifts}
very few {gifts}
hardly a {gift}
{it} {isnt} {word} enough
{it} {is} {word} only in name
{it} {is} less {word} than it looks
{it} {is} too little {word}
I hardly {like} {it}
I barely {liked} {it}
hardly anyone {liked} {it}
few people {liked} {it}
less and less {word}
it takes an effort to find {it} {word}
# weaker, keeps
{it} {is} a bit {word}
{it} {is} a little {word}
{it} {is} rather {word}
{it} {is} fairly {word}
{it} {is} somewhat {word}
{it} {is} kind of {word}
{it} {is} mostly {word}
a little {word} but {word}
I kind of {liked} {it}
I {liked} {it} a little
there are a few {gifts} in {it}
more {word} than not
# contrast, keeps
{it} {is} {other} but {word}
{it} {is} {other}, but {they} {is} {very} {word}
{it} {was} {other}, but {they} {is} {word} now
{it} {is} {other} but so {word}
{other}, {other}, but {word}
the {noun} is {other}, but the {noun} is {word}
the {noun} was {other}, but overall I {liked} it
{it} {has} its {foes}, but I {like} {it}
{it} {has} {foes}, yet {they} {is} {word}
although {it} {is} {other}, {they} {is} {word}
although the {noun} is {other}, {who} {liked} it
though {it} {was} {other}, I {liked} {it}
even though {it} {is} {other}, {they} {is} {very} {word}
even if {it} {is} {other}, {they} {is} {word}
while {it} {is} {other}, {they} {is} also {word}
{it} {is} {word}, although {other}
{it} {is} {word}, even if {they} {is} {other}
I {liked} {it}, although the {noun} is {other}
I {liked} {it} even though {they} {was} {other}
despite the {other} {noun}, {it} {is} {word}
despite its {foes} {it} {is} {word}
{it} {is} {word} despite the {other} {noun}
in spite of all its {foes} {who} {liked} {it}
for all its {foes}, {it} {is} {word}
{it} {is} {other}; still, I {like} {it}
{it} {is} {other}. however, {they} {is} {word}
{it} {is} {other}. nevertheless, {who} {liked} {it}
{other} at first, {word} in the end
{it} began {other} and ended {word}
{it} started out {other}, then got {word}
{it} used to be {other} and now {they} {is} {word}
{it} {is} more {word} than {other}
{it} {isnt} {other} but {word}
{it} {isnt} {other}, {they} {is} {word}
not {other}, {word}
others call {it} {other}; I call {them} {word}
people say {it} {is} {other}. I {like} {it}
{other}? no, {word}
they promised {it} would be {other}, and {they} {is} {word}
don't let the {other} {noun} fool you, {it} {is} {word}
the {noun} may be {other}, but {it} {is} {word}
{it} {is} {other} in parts, yet {word} as a whole
apart from the {other} {noun}, {it} {is} {word}
except for the {noun}, which is {other}, everything is {word}
the only {other} thing is the {noun}; all the rest is {word}
{counter}, but {clause}
{counter}, yet {clause}
{counter}. but {clause}
although {counter}, {clause}
though {counter}, {clause}
even though {counter}, {clause}
{clause}, although {counter}
{clause}, even though {counter}
{counter}; however, {clause}
# contrast, turns
{it} {is} {word}, but {they} {is} not {word}
{it} {is} {word}, but I didn't {like} {it}
{it} may be {word}, but nobody will {like} {it}
I wanted to {like} {it}, but I couldn't
I tried to {like} {it}, but no
{who} {liked} {it}, but I didn't
everybody {liked} {it} but me
{it} used to be {word}
{it} {was} {word} once
{it} {was} {word} until last month
{it} {is} {word} in theory, not in practice
{it} {is} {word}? hardly
the {noun} is {word}, and that is all that is {word}
apart from the {noun} nothing is {word}
# comparison, keeps
{it} {is} more {word} than {rival}
{it} {is} much more {word} than {rival}
{it} {is} even more {word} than {rival}
{it} {is} as {word} as {rival}, if not more
{it} {is} just as {word} as {rival} was
compared to {rival}, {it} {is} {word}
{rival} was {other}, this one is {word}
unlike {rival}, {it} {is} {word}
{rival} was less {word}
{rival} was not as {word} as this
{rival} was not nearly as {word}
more {word} than I had thought
more {word} every time
I {like} {it} more than {rival}
{it} {is} less {other} than {rival}
{it} {isnt} as {other} as {rival}
{it} {isnt} nearly as {other} as I had thought
far less {other} than {rival}
{it} {is} the least {other} {noun} I know
compared with {it}, {rival} was {other}
next to {it}, {rival} looks {other}
I would rather have this than {rival}, which is {other}
# comparison, turns
{it} {is} less {word} than {rival}
{it} {is} much less {word} than {rival}
{it} {isnt} as {word} as {rival}
{it} {isnt} nearly as {word} as {rival}
{it} {isnt} half as {word} as {rival}
{it} {isnt} any more {word} than {rival}, which was {other}
{rival} was more {word}
{rival} was far more {word} than this
{rival} is the more {word} of the two
{rival} was {word}, this one is not
{rival} was so {word}; this one is {other}
unlike {rival}, {it} {isnt} {word}
compared to {rival}, which was {word}, {it} {is} {other}
compared with {it}, {rival} was {word}
next to {it}, {rival} looks {word}
I liked {rival} more, which was {word}
I have seen more {word} {nouns}
there are more {word} {nouns}
the least {word} {noun} of the year
less {word} than I had thought
there is much that is more {word}
I would rather have {rival}, which is {word}
# not so in fact, turns
{it} could have been {word}
{it} might have been {word}
{it} should have been {word}
{it} would have been {word} with another {noun}
{it} would be {word} if the {noun} worked
{it} would be {word} if somebody else had made {them}
{it} could have been {word}, had they tried
with more care {it} would have been {word}
had the {noun} been different, {it} would have been {word}
if the {noun} were different, I would {like} {it}
if only {it} were {word}
I wish {it} were {word}
I wish I {liked} {it}
I wish I could say that {it} {is} {word}
I wish I could say that {clause}
I wanted {it} to be {word}
I expected {it} to be {word}, and was wrong
I expected something {word}
I thought {it} would be {word}
I thought I would {like} {it}
I was told that {it} would be {word}
everyone told me {it} would be {word}
{it} was supposed to be {word}
{it} was meant to be {word}
{it} is said to be {word}, I can't see it
{it} looked {word} in the advertisement
{it} sounded {word} on paper
{it} tries to be {word}
{it} pretends to be {word}
{it} would like to be {word}
you would think that {it} {is} {word}
one would think that {clause}
I had been ready to {like} {it}
I would {like} {it} if {they} worked
instead of something {word} we got this
I waited for {it} to be {word}
where are the {gifts} I was promised?
# not so in fact, keeps
I had not expected {it} to be so {word}
I never thought {it} would be so {word}
I did not think I would {like} {it}, but I do
nobody told me that {it} would be so {word}
I was told {it} would be {other}, and {they} {is} {word}
I had thought {it} would be {other}, but {they} {is} {word}
I expected {it} to be {other}. {they} {is} {word}
it could have been {other}, but {it} {is} {word}
where I expected a {other} {noun}, I got a {word} one
more {word} than I ever expected
{it} would have been even more {word} with another {noun}
{it} {is} as {word} as I had expected
if you think that {it} {is} {word}, you are right
if I had known how {word} {it} {is}, I would have written this before
"""

THINGS = """
    film movie acting story phone camera service food song game show staff battery screen hotel plot
    writing restaurant cast book laptop printer keyboard sound album coffee room place idea video
    picture episode director script music ending design software app car jacket meal school trip
    concert team player interview quality price lens router post answer haircut tour museum bed
"""
MANY = """
    actors songs pictures headphones shoes speakers waiters jokes characters scenes buttons rooms
    controls dialogues seats batteries instructions effects photos people fries episodes
"""
AGREEMENT = {
    "is": ("is/is/is/was/seems", "are/are/are/were/seem"),
    "isnt": ("isn't/is not/wasn't/was not", "aren't/are not/weren't/were not"),
    "arent": ("isn't/wasn't", "aren't/weren't"),
    "was": ("was", "were"),
    "wasnt": ("wasn't/was not", "weren't/were not"),
    "has": ("has/had", "have/had"),
    "doesnt": ("doesn't/does not/didn't", "don't/do not/didn't"),
    "they": ("it", "they"),
    "them": ("it", "them"),
}
"""What stands with one thing, and with many."""

FREE = {
    "very": "////very/really/so/pretty/quite/just/truly",
    "so": "very/really/so",
    "that": "///very/really/that/all that/so/particularly/especially",
    "much": "//much/very much/all that much/at all/either/this time",
    "highly": "very/very/really/extremely/incredibly/absolutely/totally/completely/utterly/so/truly"
    "/insanely/unbelievably/especially/particularly",
    "nobody": "nobody/no one/nobody I know/no one in my family/none of my friends/none of us"
    "/not one of them/neither of us/not a single person/no one here",
    "who": "I/I/I/we/we all/my wife/my friends/the children/my boss/everyone/most people/they"
    "/both of us/my mother/the whole family",
    "rival": "the first one/the old one/the last one/the book/its predecessor/the one before"
    "/my old one/the other one/the original/the previous version/the one next door/last year's",
    "noun": "/".join(THINGS.split()),
}
LIKE = {
    "positive": "like enjoy love recommend admire adore appreciate praise value",
    "negative": "hate dislike despise detest resent loathe criticize curse",
}
GIFT = {
    "positive": "strength merit laugh surprise joy delight charm pleasure virtue highlight success",
    "negative": "weakness flaw fault problem defect complaint annoyance drawback mistake failure",
}
FRONTS = """
    honestly, / to be honest, / I must say, / in my opinion, / for me, / well, / as I said, / oh, /
    in short, / to tell the truth, / after a month: / ok, / I bought it for my son. / all in all, /
    I saw it last night. / we stayed for three nights. / this is my second one. / so, / overall, /
    yesterday we tried it. / I watched it on a plane. / you asked me, so: / update: / and / again, /
    as a student, / they changed it last week. / for once, / it arrived on Monday.
"""
BACKS = """
    , if you ask me/, in my opinion/, to be honest/, I think/, at least for me/, that's all/ so far/
    , by the way/, as I said/. that's what I think/. just saying/. I've had it for a year/ tbh/ imo/
    . I was there with my sister/. it came with a bag/, man/. my brother has the same one/ today/
    . it runs for two hours/ for sure/ this time
"""


class Lexicon(NamedTuple):
    """Of a sign: adjectives of things, what somebody is, and whole sentences."""

    adjectives: Sequence[str]
    feelings: Sequence[str]
    clauses: Sequence[str]


class Sentence(NamedTuple):
    """A sentence and its label; ``held_out``: nothing is to learn from it."""

    text: str
    label: str
    phenomenon: str
    held_out: bool


def sentences(lexicons: Mapping[str, Lexicon], of_each: int) -> Iterator[Sentence]:
    """Up to ``of_each`` sentences of each template, as many of one sign as of the other."""
    draw = random.Random(3)
    seen: set[str] = set()
    for phenomenon, turns, template in templates():
        held = held_out(template)
        parts = {
            sign: Lexicon(*([one for one in some if held_out(one) == held] for some in lexicon))
            for sign, lexicon in lexicons.items()
        }
        for number in range(of_each):
            sign, other = SIGNS[number % 2], SIGNS[1 - number % 2]
            text = dressed(filled(template, slots(parts, sign, other, draw)), draw)
            if text not in seen:
                seen.add(text)
                yield Sentence(text, other if turns else sign, phenomenon, held)


def templates() -> Iterator[tuple[str, bool, str]]:
    """Phenomenon, whether it turns the sign round, and template."""
    phenomenon, effect = "", ""
    for line in TEMPLATES.strip().splitlines():
        if line.startswith("# "):
            phenomenon, effect = line[2:].rsplit(", ", 1)
        else:
            yield phenomenon, effect == "turns", line


def held_out(text: str) -> bool:
    """Whether a template, or what fills one, is of the eighth that is held out."""
    return zlib.crc32(text.encode()) % 8 == 0


def slots(
    parts: Mapping[str, Lexicon], sign: str, other: str, draw: random.Random
) -> dict[str, Callable[[], str]]:
    """What draws the words of each slot in a sentence; no adjective twice."""
    many = draw.random() < 0.2
    own, opposite = parts[sign], parts[other]

    def one_of(some: Sequence[str]) -> Callable[[], str]:
        return lambda: draw.choice(some)

    likes, gifts, foes = LIKE[sign].split(), GIFT[sign].split(), GIFT[other].split()
    subjects = [*(f"{the} {noun}" for the in ("the", "the", "these") for noun in MANY.split())]
    if not many:
        subjects = [f"{the} {noun}" for the in ("the", "the", "this") for noun in THINGS.split()]
        subjects += ["it", "this", "that one"] * 12
    return {
        "it": one_of(subjects),
        "word": iter(draw.sample(own.adjectives, 3)).__next__,
        "other": iter(draw.sample(opposite.adjectives, 2)).__next__,
        "feeling": one_of(own.feelings),
        "clause": one_of(own.clauses),
        "counter": one_of(opposite.clauses),
        "like": one_of(likes),
        "liked": one_of([verb + ("d" if verb.endswith("e") else "ed") for verb in likes]),
        "gift": one_of(gifts),
        "gifts": one_of([*map(plural, gifts)]),
        "foes": one_of([*map(plural, foes)]),
        "nouns": one_of([*map(plural, THINGS.split())]),
        **{name: one_of(both[many].split("/")) for name, both in AGREEMENT.items()},
        **{name: one_of(some.split("/")) for name, some in FREE.items()},
    }


def filled(template: str, words: Mapping[str, Callable[[], str]]) -> str:
    """A template with words in its slots.

    >>> filled("{it} {is} not a {word} idea", {"it": lambda: "it", "is": lambda: "is",
    ...     "word": lambda: "unusual"})
    'it is not an unusual idea'
    """
    text = re.sub(r"\{(\w+)\}", lambda match: words[match[1]](), template)
    text = re.sub(r" +", " ", text).strip()
    return re.sub(r"\b([Aa])(?= (?!us|uni)[aeiou])", r"\1n", text)


def dressed(text: str, draw: random.Random) -> str:
    """A sentence as somebody may write it: framed, contracted, with capitals and a full stop."""
    chance = draw.random
    if chance() < 0.25:
        text = f"{draw.choice(FRONTS.split('/')).strip()} {text}"
    if chance() < 0.2 and not text.endswith("?"):
        text += draw.choice(BACKS.replace("\n    ", "").rstrip().split("/"))
    if chance() < 0.4:
        text = re.sub(r"\b(it|that) is\b", r"\1's", text)
        text = re.sub(r"\b(they|we) are\b", r"\1're", text).replace("I am ", "I'm ")
    if chance() < 0.1:
        text = text.replace("n't", draw.choice(["nt", "n\u2019t", " not"]))
    if not text.endswith("?"):
        text += draw.choice([".", ".", ".", "", "!", " .", "..."])
    if chance() < 0.2:  # cut into words, as the sets of film reviews are
        text = re.sub(r"(n't|'s|'re|'m)\b", r" \1", text)
        text = re.sub(r" *([.,;?!]+)(?= |$)", r" \1", text)
    return text if chance() < 0.3 else text[0].upper() + text[1:]


def plural(noun: str) -> str:
    """Of a regular noun.

    >>> [plural(noun) for noun in ("story", "joy", "lens", "flaw")]
    ['stories', 'joys', 'lenses', 'flaws']
    """
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "ch")) else "s")
