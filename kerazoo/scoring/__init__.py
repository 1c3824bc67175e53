"""What a network says of many pictures, left in files: in this process, or on a Ray cluster."""

from kerazoo._face import face

# Public name -> module; imported on first use.
_PUBLIC = {
    "score": "kerazoo.scoring.run",
    "Scored": "kerazoo.scoring.run",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
