"""Batch-norm statistics before the first step of a run, and after the last."""

import logging
from dataclasses import replace

from kerazoo.models import ZooModel
from kerazoo.training import distribution
from kerazoo.training.inputs import Inputs, fit_batches
from kerazoo.training.recipe import Recipe
from kerazoo.training.transfer.batch_norm import batch_norms, restore_batch_norm, settle_batch_norm
from kerazoo.training.transfer.layers import restores_batch_norm

log = logging.getLogger("kerazoo")

STATISTICS = 512  # training pictures that restore folded batch norms
SETTLING = 400  # batches, at most, that give averaged weights statistics of their own


def restore_statistics(model: ZooModel, recipe: Recipe, inputs: Inputs) -> None:
    """Gives batch norms that were folded into convolutions statistics of the training pictures.

    Args:
        model: With its start weights, as `prepare` left it.
        recipe: What to do.
        inputs: The data.
    """
    if not restores_batch_norm(model, recipe.transfer):
        return
    count = min(-(-STATISTICS // recipe.batch_size), inputs.steps)
    data = fit_batches(recipe, inputs, model=model)
    batches = distribution.batches(data.batches, recipe.strategy)
    restore_batch_norm(model, batches.take(count))
    log.info("Restored the statistics of batch norms that were folded into convolutions.")


def settle_statistics(model: ZooModel, recipe: Recipe, inputs: Inputs) -> None:
    """Gives averaged weights batch-norm statistics of their own, where any were trained.

    Args:
        model: With the average of its weights.
        recipe: What to do.
        inputs: The data.
    """
    if not any(layer.trainable for layer in batch_norms(model)):
        return
    data = fit_batches(recipe, replace(inputs, teacher=None), model=model)
    batches = data.batches.take(min(SETTLING, inputs.steps))
    if recipe.strategy == "mirrored":  # the variables are on all devices, and so has to be the work
        with distribution.scope(recipe.strategy):
            settle_batch_norm(model, distribution.batches(batches, recipe.strategy))
    else:  # every process does all of it
        settle_batch_norm(model, batches)
    log.info("Measured the batch-norm statistics of the averaged weights.")
