"""Keras' own file, with the fused network in it."""

from pathlib import Path

from kerazoo.deploy.exporting._format import Format, Job


def _write(job: Job, folder: Path) -> None:
    job.model.save(folder / job.name)


FORMAT = Format("keras", "Keras", ".keras", "tensorflow", _write)
