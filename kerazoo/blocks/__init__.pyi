# Written by `make catalogue`.
from kerazoo.blocks._trunk import Trunk as Trunk
from kerazoo.blocks.bottleneck import Residual as Residual
from kerazoo.blocks.bottleneck import residual_stages as residual_stages
from kerazoo.blocks.conventions import Conventions as Conventions
from kerazoo.blocks.conventions import conv_bn as conv_bn
from kerazoo.blocks.conventions import depthwise_bn as depthwise_bn
from kerazoo.blocks.eesp_unit import EESP as EESP
from kerazoo.blocks.eesp_unit import PicturePyramid as PicturePyramid
from kerazoo.blocks.eesp_unit import eesp_stages as eesp_stages
from kerazoo.blocks.inverted_residual import InvertedResidual as InvertedResidual
from kerazoo.blocks.inverted_residual import inverted_residual_stages as inverted_residual_stages
from kerazoo.blocks.inverted_residual import round_filters as round_filters
from kerazoo.blocks.inverted_residual import scale_width as scale_width
from kerazoo.blocks.separable import Separable as Separable
from kerazoo.blocks.separable import separable_stages as separable_stages
from kerazoo.blocks.shuffle_unit import shuffle_unit_v1 as shuffle_unit_v1
from kerazoo.blocks.shuffle_unit import shuffle_unit_v2 as shuffle_unit_v2
