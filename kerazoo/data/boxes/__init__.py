"""Data sets whose pictures have boxes: COCO, Pascal VOC and YOLO folders, as `Source`s.

A target is a dict of tensors, padded to the most boxes that a picture of the split has:
`"boxes"` float32 `(n, 4)`, x1, y1, x2, y2 in pixels of the upright picture; `"classes"` int64
`(n,)`, -1 where there is no box; `"crowd"` bool `(n,)`, boxes that are neither to be found nor
wrong to find (COCO's crowds, VOC's "difficult"); `"areas"` float32 `(n,)`, of the object where the
data set says it; and `"size"` int32 `(2,)`, height and width of the upright picture.
"""
