"""What belongs together in each public source of detectors: anchors, codes, matching, loss, NMS."""

from dataclasses import dataclass, replace
from types import MappingProxyType

from kerazoo.tasks.detection import anchors, boxes, losses, matching, postprocess
from kerazoo.tasks.detection.anchors import AnchorRule, Size
from kerazoo.tasks.detection.boxes import BoxCoder
from kerazoo.tasks.detection.detector import Detector
from kerazoo.tasks.detection.losses import LossRule
from kerazoo.tasks.detection.matching import Matcher
from kerazoo.tasks.detection.postprocess import Suppression


@dataclass(frozen=True)
class RuleSet:
    """A `Detector` without the sizes of a network; see there."""

    anchors: AnchorRule
    coder: BoxCoder
    matcher: Matcher
    loss: LossRule
    suppression: Suppression

    def detector(self, size: Size, grids: tuple[Size, ...]) -> Detector:
        """With the sizes of a network: of its input in pixels, of its maps in cells."""
        return Detector(
            anchors=self.anchors,
            size=size,
            grids=grids,
            coder=self.coder,
            matcher=self.matcher,
            loss=self.loss,
            suppression=self.suppression,
        )


# TensorFlow Object Detection API: ssd_* and ssdlite_* of its first zoo.
_TENSORFLOW = RuleSet(
    anchors.TENSORFLOW,
    boxes.TENSORFLOW,
    matching.TENSORFLOW,
    losses.TENSORFLOW,
    postprocess.TENSORFLOW,
)
# The same networks converted to Caffe: anchors and codes in Caffe's order, scores as they were.
_CAFFE = replace(_TENSORFLOW, anchors=anchors.CAFFE_SSDLITE_V2, coder=boxes.SSD)
_TORCHVISION = RuleSet(
    anchors.TORCHVISION_SSDLITE,
    boxes.TORCHVISION,
    matching.TORCHVISION,
    losses.TORCHVISION,
    postprocess.TORCHVISION_SSDLITE,
)
_TORCHVISION_SSD300 = replace(
    _TORCHVISION,
    anchors=anchors.TORCHVISION_SSD300,
    suppression=postprocess.TORCHVISION_SSD300,
)
_EDGENETS = RuleSet(
    anchors.EDGENETS_300, boxes.SSD, matching.EDGENETS, losses.EDGENETS, postprocess.EDGENETS
)

RULE_SETS = MappingProxyType(
    {
        "tensorflow": _TENSORFLOW,
        "tensorflow_stride_8": replace(_TENSORFLOW, anchors=anchors.TENSORFLOW_STRIDE_8),
        "caffe": _CAFFE,
        "torchvision": _TORCHVISION,
        "torchvision_ssd300": _TORCHVISION_SSD300,
        "edgenets_300": _EDGENETS,
        "edgenets_512": replace(_EDGENETS, anchors=anchors.EDGENETS_512),
        "pytorch_ssd": replace(_EDGENETS, anchors=anchors.PYTORCH_SSD_LITE),
    }
)
