"""Parameters of networks without a reference of their own, as their publishers count them.

Those with one are compared in the parity tests, parameters and multiply-adds both.
"""

import pytest

import kerazoo

PARAMETERS = {
    # timm 1.0.31 and torchvision 0.29.1.
    "mnasnet_small": 2_030_264,
    "mnasnet_a1_075": 2_912_278,
    "mnasnet_b1_050": 2_218_512,
    "mnasnet_b1_075": 3_170_208,
    "mnasnet_b1_130": 6_282_256,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext101_32x4d": 44_177_704,
    "resnext101_32x8d": 88_791_336,
    # torchvision's ResNet(BasicBlock, [1] * 4).
    "resnet10": 5_418_792,
    # timm 1.0.31.
    "fbnet_c": 5_572_200,
    "mobilenet_v3_small_050": 1_593_224,
    "mobilenet_v3_small_075": 2_041_872,
    "mobilenet_v3_small_minimalistic": 2_044_736,
    "mobilenet_v3_large_075": 3_993_528,
    "mobilenet_v3_large_minimalistic": 3_924_288,
    # tf2cv 0.0.18.
    "shufflenet_v1_g1_x0_25": 209_746,
    "shufflenet_v1_g3_x0_25": 305_902,
    "shufflenet_v1_g1_x0_5": 534_484,
    "shufflenet_v1_g3_x0_5": 718_324,
    "shufflenet_v1_g1_x0_75": 975_214,
    "shufflenet_v1_g3_x0_75": 1_238_266,
    "shufflenet_v1_g1_x1_0": 1_531_936,
    "shufflenet_v1_g2_x1_0": 1_733_848,
    "shufflenet_v1_g4_x1_0": 1_968_344,
    "shufflenet_v1_g8_x1_0": 2_434_768,
    # torchvision 0.29.1.
    "shufflenet_v2_x0_5": 1_366_792,
    "shufflenet_v2_x1_5": 3_503_624,
    "shufflenet_v2_x2_0": 7_393_996,
    # keras.applications' documentation, without the batch norms' statistics.
    "nasnet_mobile": 5_289_978,
    "nasnet_large": 88_753_150,
    "resnet50_v2": 25_568_360,
    "resnet101_v2": 44_577_896,
    "resnet152_v2": 60_236_904,
}


@pytest.mark.parametrize("id", PARAMETERS)
def test_parameters(id):
    # `test_default_network` holds the catalogue to what the networks have.
    assert kerazoo.registry.catalogue()[id].params == PARAMETERS[id]
