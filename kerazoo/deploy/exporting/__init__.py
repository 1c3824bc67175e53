"""Files for other runtimes, one format a module."""

from typing import TYPE_CHECKING

from kerazoo._face import face

if TYPE_CHECKING:
    from kerazoo.deploy.exporting.formats import FORMATS as FORMATS
    from kerazoo.deploy.exporting.record import ExportRecord as ExportRecord
    from kerazoo.deploy.exporting.record import read_record as read_record
    from kerazoo.deploy.exporting.writing import export as export

# Public name -> module; imported on first use: who runs a file needs neither Keras nor TensorFlow.
_PUBLIC = {
    "FORMATS": "kerazoo.deploy.exporting.formats",
    "ExportRecord": "kerazoo.deploy.exporting.record",
    "export": "kerazoo.deploy.exporting.writing",
    "read_record": "kerazoo.deploy.exporting.record",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
