"""A measurement as Markdown: made from the JSON alone, so that the two cannot disagree."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerazoo.benchmark.candidates import CANDIDATES

_NOISE = "– \\*"  # in place of an error that says nothing
_FOOTNOTE = (
    "\\* Calibrated with noise: as fast as int8 of real pictures, but what it says means nothing. "
    "`kerazoo export --precision int8` with pictures makes one to use."
)


def markdown(report: Mapping[str, Any]) -> str:
    """The tables of a report of `benchmark`: machine, speed, footprint, what was left out."""
    parts = [machine_line(report["machine"], report["settings"]["threads"])]
    for batch in sorted({row["batch"] for row in report["results"]}):
        parts.append(f"**Batch {batch}**" + (": latency" if batch == 1 else ": throughput"))
        parts.append(_speed(report, batch))
        if any(
            _calibrated_with_noise(r["runtime"]) for r in report["results"] if r["batch"] == batch
        ):
            parts.append(_FOOTNOTE)
    if report["footprints"]:
        parts += ["**One process each**", _footprints(report["footprints"])]
    if report["skipped"]:
        lines = [f"- {s['model']}, {s['runtime']}: {s['reason']}" for s in report["skipped"]]
        parts += ["**Left out**", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _calibrated_with_noise(runtime: str) -> bool:
    return runtime in CANDIDATES and CANDIDATES[runtime].precision == "int8"


def _shown_error(error: float | None) -> str:
    return "–" if error is None else f"{error:.1g}"


def machine_line(machine: Mapping[str, Any], threads: int) -> str:
    """One paragraph on where the figures were measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    load = [machine.get("load_average"), machine.get("load_average_after")]
    return (
        f"{machine['cpu']} ({', '.join(machine['instructions'])}), {machine['cores']} cores, "
        f"{threads} threads, {machine['system']}, Python {machine['python']}; {versions}. "
        f"Load average before and after: {load[0]} and {load[1]}."
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 2) -> str:
    """A Markdown table, the first `left` columns set to the left and numbers to the right."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _title(runtime: str) -> str:
    return CANDIDATES[runtime].title if runtime in CANDIDATES else runtime


def _speed(report, batch: int) -> str:
    found = [row for row in report["results"] if row["batch"] == batch]
    base = {row["model"]: row["median_ms"] for row in found if row["runtime"] == "tensorflow"}
    rows = []
    for row in found:
        against = base.get(row["model"])
        error = row.get("relative_error")
        rows.append(
            (
                row["model"],
                _title(row["runtime"]),
                f"{row['median_ms']:.2f}",
                f"{row['quartile1_ms']:.2f}–{row['quartile3_ms']:.2f}",
                f"{row['fastest_ms']:.2f}",
                f"{row['median_ms'] / batch:.2f}",
                f"{row['pictures_per_second']:.1f}",
                "–" if against is None else f"{against / row['median_ms']:.2f}x",
                _NOISE if _calibrated_with_noise(row["runtime"]) else _shown_error(error),
            )
        )
    header = ("model", "runtime", "median ms", "quartiles", "fastest", "ms a picture")
    return table((*header, "pictures/s", "against TensorFlow", "relative error"), rows)


def _footprints(found) -> str:
    rows = [
        (
            row["model"],
            _title(row["runtime"]),
            f"{row['file_mb']:.1f}",
            f"{row['imports_s']:.2f}",
            f"{row['load_s']:.2f}",
            f"{row['imports_memory_mb']:.0f}",
            f"{row['peak_memory_mb']:.0f}",
        )
        for row in found
    ]
    header = ("model", "runtime", "file MB", "imports s", "load s", "imports MB", "peak MB")
    return table(header, rows)
