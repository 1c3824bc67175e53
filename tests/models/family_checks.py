"""What the parity tests of every compared family do alike."""

import keras

from tests.models.parity import TOLERANCE, Reference, last_layer


def check_parity(folder, name: str, model_id: str, layer_of: dict[str, str], **arguments):
    """Logits, every recorded point, parameters and multiply-adds of one reference.

    Args:
        layer_of: Point -> the layer that it is the output of; other points are the last layer
            whose name starts with theirs.
    """
    import kerazoo

    reference = Reference(name)
    model = reference.build(model_id, folder, **arguments)
    points = [str(point) for point in reference.gold["points"]]
    layers = [
        model.get_layer(layer_of[p]) if p in layer_of else last_layer(model, f"{p}_")
        for p in points
    ]
    probe = keras.Model(model.inputs[0], [*(layer.output for layer in layers), model.output])
    *tensors, output = probe(reference.input)
    errors = {p: reference.point_error(p, t) for p, t in zip(points, tensors, strict=True)}
    errors["output"] = reference.error(output)
    print(f"parity {name}: output {errors['output']:.1e}, worst {max(errors.values()):.1e}")
    assert max(errors.values()) <= TOLERANCE, errors
    counted = kerazoo.profile(model)
    assert (counted.params, counted.macs) == (reference.spec["params"], reference.spec["macs"])
    entry = kerazoo.registry.catalogue()[model_id]
    assert (entry.params, entry.macs) == (counted.params, counted.macs)
