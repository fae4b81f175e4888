"""A classifier of flair's or fastai's, in a process of its own; bench_sentiment.py starts it.

    python sentiment_worker.py flair|words|fastai SIZES < REQUESTS

SIZES is a file of JSON: words, embedding, hidden, layers, bidirectional, and the texts. A line of
its own says what was made; then each line on stdin is answered with the processor seconds that all
texts took in batches of 32, one thread, from text to label.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

BATCH = 32
Label = Callable[[list[str]], list[Any]]


def make_flair(sizes: dict[str, Any], *, tokenizer: bool = True) -> tuple[str, Label]:
    """flair's text classifier over its own embedding layer and RNN.

    Without its ``tokenizer`` words stand between spaces, which takes it less time.
    """
    import logging

    logging.disable(logging.CRITICAL)
    import flair
    from flair.data import Dictionary, Sentence
    from flair.embeddings import DocumentRNNEmbeddings, OneHotEmbeddings
    from flair.models import TextClassifier

    words = Dictionary()
    for word in sizes["words"]:
        words.add_item(word)
    labels = Dictionary(add_unk=False)
    for label in ("negative", "positive"):
        labels.add_item(label)
    document = DocumentRNNEmbeddings(
        [OneHotEmbeddings(words, embedding_length=sizes["embedding"])],
        hidden_size=sizes["hidden"],
        rnn_layers=sizes["layers"],
        reproject_words=False,
        bidirectional=sizes["bidirectional"],
        rnn_type="LSTM",
    )
    model = TextClassifier(document, label_dictionary=labels, label_type="label").eval()

    def label(texts: list[str]) -> list[Any]:
        sentences = [Sentence(text, use_tokenizer=tokenizer) for text in texts]
        model.predict(sentences, mini_batch_size=BATCH)
        return [sentence.labels[0].value for sentence in sentences]

    return f"flair {flair.__version__}{'' if tokenizer else ', words given'}", label


def make_fastai(sizes: dict[str, Any]) -> tuple[str, Label]:
    """fastai's AWD_LSTM classifier; its network alone, the texts sorted by length and padded.

    fastai's own tokenizer (spaCy) and data loaders would take more time; words stand between
    spaces here. A bidirectional layer of its encoder has half the width of its embedding a
    direction, so the embedding is twice the hidden size.
    """
    import fastai
    from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
    from fastai.text.models.core import get_text_classifier

    both = 2 if sizes["bidirectional"] else 1
    config = {
        **awd_lstm_clas_config,
        "emb_sz": both * sizes["hidden"],
        "n_hid": both * sizes["hidden"],
        "n_layers": sizes["layers"],
        "bidir": sizes["bidirectional"],
    }
    ids = {word: number for number, word in enumerate(sizes["words"], 2)}
    model = get_text_classifier(AWD_LSTM, len(ids) + 2, 2, config=config).eval()

    @torch.inference_mode()
    def label(texts: list[str]) -> list[Any]:
        rows = [[ids.get(word, 0) for word in text.split()] for text in texts]
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found: list[Any] = [None] * len(rows)
        for begin in range(0, len(rows), BATCH):
            places = order[begin : begin + BATCH]
            width = max(len(rows[place]) for place in places)
            padded = torch.ones(len(places), width, dtype=torch.long)  # 1 is its padding
            for row, place in enumerate(places):
                padded[row, width - len(rows[place]) :] = torch.tensor(rows[place])
            model[0].reset()
            for place, answer in zip(places, model(padded)[0].argmax(1).tolist(), strict=True):
                found[place] = answer
        return found

    return f"fastai {fastai.__version__}, its network alone", label


KINDS: dict[str, Callable[[dict[str, Any]], tuple[str, Label]]] = {
    "flair": make_flair,
    "words": partial(make_flair, tokenizer=False),
    "fastai": make_fastai,
}


def main() -> None:
    """Make the model, then answer."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    kind, given = sys.argv[1:]
    sizes = json.loads(Path(given).read_text(encoding="utf-8"))
    about, label = KINDS[kind](sizes)
    texts = sizes["texts"]
    label(texts)
    sys.stdout.write(json.dumps({"about": about}) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        begin = time.process_time()
        assert len(label(texts)) == len(texts)
        sys.stdout.write(json.dumps({"seconds": time.process_time() - begin}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
