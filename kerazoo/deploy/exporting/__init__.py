"""Files for other runtimes, one format a module."""

from kerazoo.deploy.exporting.export import FORMATS, export
from kerazoo.deploy.exporting.record import ExportRecord, read_record

__all__ = ["FORMATS", "ExportRecord", "export", "read_record"]
