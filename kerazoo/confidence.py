"""How far a network's scores can be relied on: what was measured of that on held-out pictures."""

from dataclasses import dataclass

from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._rules import integer, number, row


@dataclass(frozen=True)
class Confidence(Record, section="confidence", keys="confidence key"):
    """What held-out pictures say of a network's scores; it is saved with the network.

    Args:
        temperature: What logits were divided by, so that a score is the share of such answers that
            are right (Guo et al. 2017). It is in the weights already, of exported files too.
        thresholds: By class: an answer with a lower score is not sure. It is the score with the
            best F1 on the held-out pictures.
        pictures: How many those were.
    """

    temperature: float = field(number(above=0))
    thresholds: tuple[float, ...] = field(row(number(least=0, most=1), "a list of scores"))
    pictures: int = field(integer())

    def of_classes(self, count: int) -> tuple[float, ...]:
        """The thresholds, of so many classes.

        Raises:
            ValueError: They are of another number.
        """
        if len(self.thresholds) != count:
            rule = f"as many as the network has classes, {count}"
            raise invalid("confidence.thresholds", f"{len(self.thresholds)} scores", rule)
        return self.thresholds
