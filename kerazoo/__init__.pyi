# Written by `make catalogue`.
from collections.abc import Mapping
from collections.abc import Sequence
from kerazoo import blocks as blocks
from kerazoo import checkpoints as checkpoints
from kerazoo import data as data
from kerazoo import deploy as deploy
from kerazoo import layers as layers
from kerazoo import models as models
from kerazoo import optimize as optimize
from kerazoo import registry as registry
from kerazoo import scoring as scoring
from kerazoo import training as training
from kerazoo.blocks.inverted_residual import InvertedResidual
from kerazoo.by_name import from_pretrained as from_pretrained
from kerazoo.by_name import load_weights as load_weights
from kerazoo.by_name import preprocess_input as preprocess_input
from kerazoo.checkpoints.fetch.checkpoint import DownloadError as DownloadError
from kerazoo.checkpoints.shipped import default_model as default_model
from kerazoo.choosing.run import choose as choose
from kerazoo.evaluation import evaluate as evaluate
from kerazoo.labels import decode_predictions as decode_predictions
from kerazoo.models import ZooModel as ZooModel
from kerazoo.open import open_model as open_model
from kerazoo.pictures import PictureError as PictureError
from kerazoo.pictures import open_picture as open_picture
from kerazoo.placement import Placement as Placement
from kerazoo.prediction import predict as predict
from kerazoo.preprocessing import Preprocessing as Preprocessing
from kerazoo.profiling import profile as profile
from kerazoo.publish.hub import push_to_hub as push_to_hub
from kerazoo.registry import create_model as create_model
from kerazoo.registry import list_models as list_models
from kerazoo.registry import register_model as register_model
from typing import Any

__version__: str

def DeepLabV3(
    input_shape: tuple | None = None,
    backbone: str = "mobilenet_v3_large",
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = 16,
    like: str | None = None,
    atrous_rates: Sequence[int] = (12, 24, 36),
    form: str = "torchvision",
    high_feature: str | None = None,
    width: int = 256,
    auxiliary: bool = False,
) -> ZooModel:
    """DeepLabV3: 11.0 M parameters on MobileNetV3-Large, 2.1 M on MobileNetV2 without ASPP."""

def ESPNet(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    p: int = 2,
    q: int = 8,
    fine_picture: bool = True,
    channel_order: str | None = None,
) -> ZooModel:
    """ESPNet: 365,109 parameters at `p=2, q=8` and 20 classes, an output for every pixel."""

def ESPNetC(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    p: int = 2,
    q: int = 8,
    channel_order: str | None = None,
) -> ZooModel:
    """ESPNet's encoder and a classifier of its places: 349,449 parameters at `p=2, q=8`."""

def ESPNetV2(
    input_shape: tuple | None = None,
    scale: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    reinforce_last: bool = False,
) -> ZooModel:
    """ESPNetv2: 1.67 M parameters and 86.7 M multiply-adds at `scale=1`."""

def ESPNetV2SSD(
    input_shape: tuple | None = None,
    scale: float = 2.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    rules: str | None = None,
    anchors: Any = None,
) -> ZooModel:
    """ESPNetv2-SSD: 5.8 M parameters and 1.16 B multiply-adds at `scale=2`, 80 classes, 300 pixels."""

def ESPNetV2Segmentation(
    input_shape: tuple | None = None,
    scale: float = 1.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    pyramid_width: int | None = None,
) -> ZooModel:
    """ESPNetv2 with a decoder: 0.23 M parameters and 306 M multiply-adds at `scale=1`, 384x384."""

def FBNetC(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """FBNet-C: 5.6 M parameters, 385 M multiply-adds (its paper's table 2: 5.5 M and 375 M)."""

def FLGCMobileNetV2(
    input_shape: tuple | None = None,
    groups: int = 8,
    duplicate_top: int = 0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    alpha: float = 1.0,
) -> ZooModel:
    """MobileNetV2 with learned groups in the projecting 1x1 convolution of every block."""

def FLGCResNet14(
    input_shape: tuple | None = None,
    groups: int = 8,
    duplicate_top: int = 0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    width: float = 1.0,
    learned: bool = True,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-14, one bottleneck a stage, with groups in every convolution but the first."""

def FLGCResNet50(
    input_shape: tuple | None = None,
    groups: int = 8,
    duplicate_top: int = 0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-50 with learned groups in every convolution but the first."""

def LRASPP(
    input_shape: tuple | None = None,
    backbone: str = "mobilenet_v3_large",
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = 16,
    like: str | None = None,
    low_feature: str = "stride_8_first",
    high_feature: str | None = None,
    width: int = 128,
) -> ZooModel:
    """LR-ASPP: 3.22 M parameters on MobileNetV3-Large with 21 classes, as torchvision has it."""

def MB2SSDLite(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    rules: str | None = None,
    anchors: Any = None,
) -> ZooModel:
    """The SSDLite on MobileNetV2 of pytorch-ssd: 3.4 M parameters, 661 M multiply-adds."""

def MixNet(
    blocks: Sequence[InvertedResidual | Mapping],
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem_filters: int = 16,
    head_filters: int = 1536,
    width: float = 1.0,
    depth: float = 1.0,
) -> ZooModel:
    """A MixNet from one's own block table."""

def MixNetL(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MixNet-L: MixNet-M with 1.3 times the width (MixConv paper, section 4.3)."""

def MixNetM(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MixNet-M: 5.0 M parameters, 360 M multiply-adds (MixConv paper, table 2 and figure 5b)."""

def MixNetS(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MixNet-S: 4.1 M parameters, 256 M multiply-adds (MixConv paper, table 2 and figure 5a)."""

def MixNetXL(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MixNet-XL: MixNet-M with 1.6 times the width and 1.2 times the depth (timm's variant)."""

def MnasNetA1(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MnasNet-A1: 3.9 M parameters, 312 M multiply-adds (its paper's table 1 and figure 7)."""

def MnasNetB1(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MnasNet-B1: 4.4 M parameters, 314 M multiply-adds (`mnasnet_b1` in the authors' code)."""

def MnasNetSmall(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """MnasNet-small: 2.0 M parameters, 68 M multiply-adds (`mnasnet_small` in the authors' code)."""

def MobileNetV1(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
) -> ZooModel:
    """MobileNetV1: 4.2 M parameters and 569 M multiply-adds at `alpha=1` (its paper's table 4)."""

def MobileNetV2(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
    bottleneck_activation: str = "linear",
    shortcut: str = "bottleneck",
) -> ZooModel:
    """MobileNetV2: 3.5 M parameters and 300 M multiply-adds at `alpha=1` (its paper's table 4)."""

def MobileNetV3Large(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    dilate_strided: bool = False,
    reduced_tail: bool = False,
) -> ZooModel:
    """MobileNetV3-Large: 5.5 M parameters, 217 M multiply-adds (its paper's tables 1 and 3)."""

def MobileNetV3Small(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    dilate_strided: bool = False,
) -> ZooModel:
    """MobileNetV3-Small: 2.5 M parameters, 56 M multiply-adds (its paper's tables 2 and 3)."""

def NASNetLarge(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """NASNet-A (6 @ 4032): 88.7 M parameters, 23.8 G multiply-adds."""

def NASNetMobile(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """NASNet-A (4 @ 1056): 5.3 M parameters, 564 M multiply-adds."""

def ResNeXt101_32x4d(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNeXt-101, 32 groups of 4: 44.2 M parameters, 8.0 G multiply-adds."""

def ResNeXt101_32x8d(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNeXt-101, 32 groups of 8: 88.8 M parameters, 16.4 G multiply-adds."""

def ResNeXt50_32x4d(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNeXt-50, 32 groups of 4: 25.0 M parameters, 4.2 G multiply-adds."""

def ResNet10(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-10: ResNet-18 with one block a stage (not in the paper; common for small pictures)."""

def ResNet101(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-101: 44.5 M parameters, 7.8 G multiply-adds."""

def ResNet101V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """ResNet-101 V2: 44.6 M parameters, 7.2 G multiply-adds."""

def ResNet152(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-152: 60.2 M parameters, 11.5 G multiply-adds."""

def ResNet152V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """ResNet-152 V2: 60.2 M parameters, 10.9 G multiply-adds."""

def ResNet18(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-18: 11.7 M parameters, 1.8 G multiply-adds."""

def ResNet34(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-34: 21.8 M parameters, 3.7 G multiply-adds."""

def ResNet50(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    stem: str = "imagenet",
) -> ZooModel:
    """ResNet-50: 25.6 M parameters, 4.1 G multiply-adds."""

def ResNet50V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: tuple | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """ResNet-50 V2: 25.6 M parameters, 3.5 G multiply-adds."""

def SSD(
    backbone: str,
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    backbone_arguments: Mapping[str, Any] | None = None,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSD on any classification network: 3x3 convolutions read six maps."""

def SSD300VGG16(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    rules: str | None = None,
    anchors: Any = None,
) -> ZooModel:
    """SSD300 on VGG-16: 35.6 M parameters, 34.9 B multiply-adds, as torchvision counts."""

def SSDLite(
    backbone: str,
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    backbone_arguments: Mapping[str, Any] | None = None,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSDLite on any classification network."""

def SSDLite320MobileNetV3Large(
    input_shape: tuple | None = None,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    rules: str | None = None,
    anchors: Any = None,
) -> ZooModel:
    """SSDLite on MobileNetV3-Large with a tail of half the width: 3.4 M parameters, 583 M"""

def SSDLiteMobileNetV1(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSDLite on MobileNetV1: 5.1 M parameters, 1.3 B multiply-adds (its paper's table 6)."""

def SSDLiteMobileNetV2(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSDLite on MobileNetV2: 4.3 M parameters, 0.8 B multiply-adds (its paper's table 6)."""

def SSDMobileNetV1(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSD on MobileNetV1 with 1x1 predictors: 6.8 M parameters, 1.2 B multiply-adds."""

def SSDMobileNetV2(
    input_shape: tuple | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = None,
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> ZooModel:
    """SSD on MobileNetV2 with 3x3 predictors: 16.8 M parameters, 1.9 B multiply-adds."""

def ShuffleNetV1(
    input_shape: tuple | None = None,
    groups: int = 3,
    scale: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """ShuffleNet v1: 1.9 M parameters, 137 M multiply-adds with 3 groups (its paper's table 1)."""

def ShuffleNetV2(
    input_shape: tuple | None = None,
    scale: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    include_preprocessing: bool = False,
    dropout_rate: float | None = None,
    padding: str | None = None,
    batch_norm_epsilon: float | None = None,
    stem_strides: int | None = None,
    features_only: bool = False,
    out_features: Any = None,
    output_stride: int | None = None,
    like: str | None = None,
) -> ZooModel:
    """ShuffleNet v2: 2.3 M parameters, 145 M multiply-adds at `scale=1` (its paper's table 5)."""
