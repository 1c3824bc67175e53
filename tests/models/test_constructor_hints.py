"""A wrong name of an argument is answered by the right one."""

import pytest

import kerazoo


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("num_classes", "classes"),
        ("pretrained", "weights"),
        ("drop_rate", "dropout_rate"),
        ("in_chans", "input_shape"),
    ],
)
def test_names_of_other_libraries(wrong, right):
    with pytest.raises(TypeError, match=rf"argument '{wrong}'\. Did you mean '{right}'"):
        kerazoo.MobileNetV2(**{wrong: 5})


def test_nothing_is_near():
    with pytest.raises(TypeError, match=r"argument 'zzz'\. Accepted: \("):
        kerazoo.MobileNetV2(zzz=5)
