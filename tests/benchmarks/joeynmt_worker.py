"""JoeyNMT's side of ``bench_joeynmt.py``; runs in JoeyNMT's own environment, never by hand.

    python joeynmt_worker.py FOLDER

FOLDER holds ``settings.json``, ``weights.npz``, ``pieces.txt`` and a sentencepiece model. Requests
come as lines of JSON on stdin, answers go out as lines of JSON; JoeyNMT's own talk goes to stderr.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from joeynmt.config import parse_global_args
from joeynmt.data import load_data
from joeynmt.model import build_model
from joeynmt.prediction import predict
from joeynmt.training import TrainManager

SWAPPED = [1, 0]
"""JoeyNMT has UNK as 0 and PAD as 1, textrnn the other way round."""
EMPTY = "▁"
"""A target that the vocabulary has and no text consists of, where JoeyNMT wants one."""


def configuration(folder, given):
    """JoeyNMT's configuration of a bidirectional GRU with attention and input feeding."""
    side = {"tokenizer_type": "sentencepiece", "level": "bpe", "voc_file": f"{folder}/pieces.txt"}
    side["tokenizer_cfg"] = {"model_file": f"{folder}/{given['tokenizer']}"}
    embeddings = {"embedding_dim": given["width"], "scale": True, "dropout": given["dropout"]}
    layer = {
        "type": "recurrent",
        "rnn_type": "gru",
        "embeddings": embeddings,
        "hidden_size": given["width"],
        "num_layers": 1,
        "dropout": given["dropout"],
    }
    decoder = {
        "hidden_dropout": given["dropout"],
        "init_hidden": "bridge",
        "input_feeding": True,
        "attention": given["attention"],
    }
    languages = dict(zip(("src", "trg"), given["languages"], strict=True))
    limits = {"max_length": 100} if given["train"] else {}
    data = {
        which: {"lang": language, **side, **limits, "tokenizer_cfg": {**side["tokenizer_cfg"]}}
        for which, language in languages.items()
    }
    if given["train"]:
        data["train"] = given["train"]
    else:
        data["test"] = "the sentences that the requests bring"
    data["special_symbols"] = {}
    return {
        "name": "bench",
        "model_dir": folder,
        "use_cuda": False,
        "random_seed": 1,
        "data": data,
        "training": {
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "scheduling": "exponential",
            "clip_grad_norm": 1.0,
            "label_smoothing": 0.1,
            "normalization": "tokens",
            "batch_size": 64,
            "batch_type": "sentence",
        },
        "testing": {"beam_size": given["beam_size"], "beam_alpha": given["length_penalty"]},
        "model": {
            "initializer": "xavier_uniform",
            "bias_initializer": "zeros",
            "embed_initializer": "normal",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": {**layer, "bidirectional": True},
            "decoder": {**layer, **decoder},
        },
    }


class Joey:
    """A model, and what a request may ask of it."""

    def __init__(self, folder):
        self.given = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        self.args = parse_global_args(configuration(str(folder), self.given), mode="translate")
        streams = ["train"] if self.given["train"] else ["stream"]
        *vocabularies, self.train_data, _, self.stream = load_data(self.args.data, streams)
        torch.manual_seed(1)
        self.model = build_model(self.args.model, *vocabularies)
        self.model.loss_function = ("crossentropy", 0.1)
        if self.given["train"]:
            self.steps = self.training(folder)
        else:
            self.take(np.load(folder / "weights.npz"))

    def take(self, weights):
        """Take textrnn's weights, and the biases that JoeyNMT's linear layers go without."""
        model, decoder = self.model, self.model.decoder
        table = weights["encoder.embedding.weight"]
        rows = np.array([*SWAPPED, *range(2, len(table))])
        bound = {model.src_embed.lut: ("encoder.embedding.weight", None)}
        for name, way in (("l0", 0), ("l0_reverse", 1)):
            self.take_gru(model.encoder.rnn, name, weights, f"encoder.layers.0.{way}")
        self.take_gru(decoder.rnn, "l0", weights, "decoder.layers.0")
        attention = decoder.attention
        bound = {
            decoder.bridge_layer: "bridge.projections.0.0",
            attention.key_layer: "decoder.attention.key_projection",
        }
        if self.given["attention"] == "bahdanau":
            bound[attention.query_layer] = "decoder.attention.query_projection"
            vector = torch.tensor(weights["decoder.attention.vector"])
            attention.energy_layer.weight.data = vector[None]
        for layer, name in bound.items():
            layer.weight.data = torch.tensor(weights[f"{name}.weight"])
            if f"{name}.bias" in weights:
                layer.bias = torch.nn.Parameter(torch.tensor(weights[f"{name}.bias"]))
        attention.key_layer.weight.data *= self.given["scale"]
        memory = 2 * self.given["width"]
        combine = weights["decoder.combine.weight"]  # JoeyNMT has the hidden state first
        turned = np.concatenate([combine[:, memory:], combine[:, :memory]], 1)
        decoder.att_vector_layer.weight.data = torch.tensor(turned)
        decoder.att_vector_layer.bias.data = torch.tensor(weights["decoder.combine.bias"])
        model.src_embed.lut.weight.data = torch.tensor(table[rows])
        decoder.output_layer.weight = model.trg_embed.lut.weight
        decoder.output_layer.bias = torch.nn.Parameter(torch.tensor(weights["head.bias"][rows]))

    @staticmethod
    def take_gru(layer, name, weights, prefix):
        """Both have PyTorch's order of gates."""
        for part, ours in (("ih", "input"), ("hh", "hidden")):
            for kind in ("weight", "bias"):
                target = getattr(layer, f"{kind}_{part}_{name}")
                target.data = torch.tensor(weights[f"{prefix}.{kind}_{ours}"])

    def translate(self, batch_size):
        """Translations of the sentences that were read, in batches, and the seconds."""
        args = self.args.test._replace(batch_size=batch_size)
        begin = time.process_time()
        texts = []
        for group in self.groups(batch_size):
            self.stream.reset_cache()
            for line in group:
                self.stream.set_item(line)
            texts += predict(
                self.model, self.stream, self.args.device, 0, args=args, autocast=self.args.autocast
            )[2]
        return {"seconds": time.process_time() - begin, "texts": texts}

    def groups(self, batch_size):
        """All at once for batches; line by line for one alone."""
        lines = self.given["sentences"]
        if batch_size > 1:
            return [lines]
        return [[line] for line in lines[: self.given["alone"]]]

    def training(self, folder):
        """Train for ever; yields the target tokens of each step."""
        manager = TrainManager(
            0,
            self.model,
            folder,
            self.args.device,
            autocast=self.args.autocast,
            train_args=self.args.train,
            dev_args=self.args.test,
        )
        batches = self.train_data.make_iter(
            batch_size=self.args.train.batch_size,
            batch_type="sentence",
            seed=1,
            shuffle=True,
            device=self.args.device,
            eos_index=self.model.eos_index,
            pad_index=self.model.pad_index,
        )
        self.model.train()
        for batch in itertools.chain.from_iterable(itertools.repeat(batches)):
            manager._train_step(batch)
            manager.clip_grad_fun(parameters=self.model.parameters())
            manager.optimizer.step()
            self.model.zero_grad()
            yield batch.ntokens

    def train(self, steps):
        """So many steps."""
        begin = time.process_time()
        tokens = sum(itertools.islice(self.steps, steps))
        return {"seconds": time.process_time() - begin, "tokens": tokens}


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    joey = Joey(Path(sys.argv[1]))
    parameters = sum(part.numel() for part in joey.model.parameters())
    for answer in itertools.chain(
        [{"parameters": parameters, "torch": torch.__version__}],
        (
            getattr(joey, name)(value)
            for line in sys.stdin
            for name, value in json.loads(line).items()
        ),
    ):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
