"""Files for other runtimes, one format a module."""

from kerazoo.deploy.export.export import FORMATS, export
from kerazoo.deploy.export.record import ExportRecord, read_record

__all__ = ["FORMATS", "ExportRecord", "export", "read_record"]
