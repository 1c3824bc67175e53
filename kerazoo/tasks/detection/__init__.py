"""Boxes with a class each: what SSD and SSDLite are made of, without a network yet.

`anchors` and `fitting` say where a detector may look, `boxes` and `matching` turn a data set's
boxes into targets for these places, `losses` compare a network's outputs with the targets,
`postprocess` and `postprocess_graph` turn outputs into boxes, `evaluation` measures them.
Everywhere a box is `(x1, y1, x2, y2)` in pixels of the network's input, or of the upright picture
once it is decoded.

The task itself is not here yet, so `kerazoo.tasks` does not list it.
"""
