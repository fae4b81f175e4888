"""Recipes: from a YAML file to a trained model folder, and back to scores.

catalogue      which there are, read and checked
tasks          what a run must know of its task: what to build, how to score it, what to say of it
vocabulary     tokenizers
assembly       tokenizers, data, network
run            training, and what it leaves in the run_folder
training_texts what a classifier learns from, and labels for texts that have none
card           the model card; answering: how fast the model answers, for it
estimate       the dry run
learning_rate  the range test
finetuning     one command for one's own data
measuring      how fast it trains
evaluation     scores of a model folder; of a language model's by text_scores, a translator's by
               pair_scores, a classifier's by label_scores
exporting      its graphs
"""

from __future__ import annotations

from textrnn.recipe.catalogue import load_recipe, recipe_names, recipe_path, recipe_summary
from textrnn.recipe.estimate import DryRun, dry_run
from textrnn.recipe.evaluation import compare, evaluate
from textrnn.recipe.exporting import ExportReport, export
from textrnn.recipe.finetuning import FinetuneReport, finetune
from textrnn.recipe.learning_rate import find_learning_rate
from textrnn.recipe.measuring import TrainingSpeed, measure_training
from textrnn.recipe.run import train
from textrnn.recipe.run_folder import RunFolder

__all__ = [
    "DryRun",
    "ExportReport",
    "FinetuneReport",
    "RunFolder",
    "TrainingSpeed",
    "compare",
    "dry_run",
    "evaluate",
    "export",
    "find_learning_rate",
    "finetune",
    "load_recipe",
    "measure_training",
    "recipe_names",
    "recipe_path",
    "recipe_summary",
    "train",
]
