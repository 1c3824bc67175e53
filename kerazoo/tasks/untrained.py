"""A base for tasks whose networks are used only."""

import abc
from types import MappingProxyType

from kerazoo.tasks.description import Survey


class Untrained(abc.ABC):
    """A base of tasks that are neither trained nor measured: what belongs to that is refused."""

    mixes = False
    fits_head = False
    losses = ()
    ships_thresholds = False
    drawings = MappingProxyType({})
    photographs = ()
    files = MappingProxyType({})

    @abc.abstractmethod
    def refusal(self, what: str) -> ValueError:
        """The error for networks that cannot be `what`, such as "trained"."""

    def arguments(self, given, source, preprocessing, build):
        raise self.refusal("trained")

    def adopt(self, model, labels, classes, build):
        raise self.refusal("trained")

    def plan(self, pictures):
        raise self.refusal("trained")

    def check_targets(self, targets, source, complete=False):
        raise self.refusal("trained")

    def survey(self, sources):
        return Survey()

    def move(self, target, placement):
        raise self.refusal("trained")

    def show(self, picture, target, classes):
        raise self.refusal("trained")

    def renumber(self, target, numbers):
        raise self.refusal("trained")

    def regions(self, target):
        raise self.refusal("trained")

    def join(self, targets):
        raise self.refusal("trained")

    def present(self, targets, classes):
        raise self.refusal("trained")

    def encode(self, targets, classes, model=None):
        raise self.refusal("trained")

    def fit_head(self, learned, held_out, classes, whole):
        raise self.refusal("trained")

    def calibrate(self, model, answers):
        raise self.refusal("trained")

    def loss(self, recipe, model, source=None):
        raise self.refusal("trained")

    def metrics(self):
        raise self.refusal("trained")

    def meter(self, source, network, quick=False):
        raise self.refusal("measured on a data set")

    def gather(self, batches, source, indices, network):
        raise self.refusal("measured on a data set")

    def draw_figures(self, answers, folder, count):
        raise self.refusal("measured on a data set")
