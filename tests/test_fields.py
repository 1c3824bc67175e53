"""Records whose fields check themselves."""

import json
from dataclasses import dataclass, replace

import jsonschema
import pytest

from kerazoo._fields import Record, field, record
from kerazoo._rules import choice, integer, number, optional, row, table, text
from kerazoo.training.recipe import Recipe, load_recipe, recipe_names


@dataclass(frozen=True)
class Crop(Record, section="crop"):
    """A crop.

    Args:
        size: Height and width,
            in pixels.
        mode: Where it is.
    """

    size: tuple[int, int] = field(row(integer(), "two positive integers", count=2), (224, 224))
    mode: str = field(choice("random", "centre"), "random")


@dataclass(frozen=True)
class Plan(Record, keys="plan key"):
    """A plan."""

    name: str = field(text())
    share: float = field(number(least=0, most=1), 1.0)
    crop: Crop | None = field(optional(record(Crop)), None)
    notes: dict = field(table(), {})

    def check_together(self) -> None:
        if self.crop and self.share == 0:
            raise ValueError("nothing to crop")


def test_values_go_to_json_and_back():
    plan = Plan("a", crop={"size": [3, 4]}, notes={"b": (1, [2])})
    assert plan.crop == Crop((3, 4))
    values = {"name": "a", "share": 1.0, "crop": {"size": [3, 4], "mode": "random"}}
    assert plan.to_dict() == {**values, "notes": {"b": [1, [2]]}}
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == replace(plan, notes={"b": [1, [2]]})
    assert Plan.from_dict({"name": "a"}) == Plan("a")
    assert hash(Crop([1, 2])) == hash(Crop((1, 2)))


def test_defaults_are_nobodys_to_change():
    Plan("a").notes["x"] = 1
    assert Plan("b").notes == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crop((1, 2, 3)), r"`crop.size` must be two positive integers. Received: .*2, 3"),
        (lambda: Crop([1, True]), "`crop.size` must be"),
        (lambda: Crop(mode="center"), "Unknown `crop.mode`. Did you mean 'centre'"),
        (lambda: Crop.from_dict({"sise": 1}), "Unknown `key`. Did you mean 'crop.size'"),
        (lambda: Crop.from_dict([]), r"`crop` must be a table, \[crop\]"),
        (lambda: Plan.from_dict({"nmae": 1}), "Unknown `plan key`. Did you mean 'name'"),
        (lambda: Plan.from_dict({"share": 1}), "`plan` must be a plan that says name.*share"),
        (lambda: Plan("a", share="1"), "`share` must be a number from 0 to 1. Received: `share='1"),
        (lambda: Plan("a", crop=3), "`crop` must be a table"),
        (lambda: Plan("a", 0, Crop()), "nothing to crop"),
        (lambda: replace(Crop(), size=(0, 1)), "`crop.size`"),
    ],
)
def test_errors_name_field_value_and_what_is_accepted(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_schema_says_what_the_docstring_says():
    schema = Crop.json_schema()
    assert schema["properties"]["size"] == {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 2,
        "maxItems": 2,
        "description": "Height and width, in pixels.",
        "default": [224, 224],
    }
    assert schema["required"] == []
    assert Plan.json_schema()["required"] == ["name"]


def test_schema_of_recipes_takes_what_recipes_take():
    schema = Recipe.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in recipe_names():
        jsonschema.validate(json.loads(json.dumps(load_recipe(name).to_dict())), schema)
    few = {"model": "m", "epochs": 1}
    jsonschema.validate(few, schema)
    for wrong in (
        {"epochs": 1},
        few | {"epochs": 0},
        few | {"optimizer": {"ema": 1.0}},
        few | {"transfer": {"freeze": []}},
        few | {"strategy": "tpu"},
        few | {"augmentation": {"mixup": 0.01}},
        few | {"batchsize": 3},
    ):
        assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)
        with pytest.raises(ValueError, match=r"`"):
            load_recipe(wrong)
