"""The ratios that peers.py is for, and its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MIXNETS = ("mixnet_s", "mixnet_m", "mixnet_l")
ALL = (*MIXNETS, "mobilenet_v2", "espnetv2")


@dataclass(frozen=True)
class Goal:
    """`theirs` takes at least `ratio` times as long as `ours`.

    Attributes:
        ours: Engine for batch 1, and for larger batches.
        theirs: Likewise.
    """

    ours: tuple[str, str]
    theirs: tuple[str, str]
    ratio: float
    models: tuple[str, ...] = ALL

    def engines(self, batch: int) -> tuple[str, str]:
        return self.ours[batch > 1], self.theirs[batch > 1]


def _same(engine: str) -> tuple[str, str]:
    return engine, engine


_OURS, _BF16 = ("openvino", "openvino_streams"), _same("openvino_bf16")
GOALS = (
    Goal(_same("fused"), _same("tensorflow"), 1.8, MIXNETS),
    Goal(_same("fused"), _same("timm_compile"), 1.5, MIXNETS),
    Goal(_OURS, _same("timm_compile"), 4.0),
    Goal(_BF16, _same("timm_compile"), 4.0),
    Goal(_OURS, _same("timm_openvino"), 1.3, MIXNETS),
    Goal(_OURS, _same("timm_openvino"), 1.0, ("mobilenet_v2",)),
    Goal(_BF16, _same("timm_openvino_bf16"), 1.3, MIXNETS),
    Goal(_BF16, _same("timm_openvino_bf16"), 1.0, ("mobilenet_v2",)),
    # The same way to run a batch on both sides: what the network alone gains.
    Goal(_OURS, ("timm_openvino", "timm_openvino_streams"), 1.0, (*MIXNETS, "mobilenet_v2")),
    Goal(_same("openvino_int8"), _same("timm_openvino"), 2.0, (*MIXNETS, "mobilenet_v2")),
    Goal(_same("litert"), _same("litert_official"), 1.0),
    Goal(_same("litert"), _same("keras_applications_litert"), 1.0, ("mobilenet_v2",)),
    Goal(_same("train_kerazoo"), _same("timm_train"), 1.0, ("mixnet_s",)),
    Goal(_same("kerazoo_load"), _same("timm_load"), 1.0, ("mixnet_m",)),
)


def compare(results: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every goal for every model and batch that both sides were measured on."""
    by_key = {(r["engine"], r["model"], r["batch"]): r for r in results}
    for goal in GOALS:
        for model in goal.models:
            for batch in sorted({r["batch"] for r in results if r["model"] == model}):
                ours, theirs = (by_key.get((e, model, batch)) for e in goal.engines(batch))
                if ours is None or theirs is None:
                    continue
                ratio = theirs["median_ms"] / ours["median_ms"]
                yield {
                    "model": model,
                    "batch": batch,
                    "ours": ours["engine"],
                    "theirs": theirs["engine"],
                    "goal": goal.ratio,
                    "ratio": round(ratio, 3),
                    "ratio_of_fastest": round(theirs["fastest_ms"] / ours["fastest_ms"], 3),
                    "reached": ratio >= goal.ratio,
                }


def markdown(report: Mapping[str, Any]) -> str:
    """The tables of a report of peers.py."""
    from kerazoo.benchmark.report import machine_line, table

    parts = [machine_line(report["machine"], report["settings"]["threads"])]
    parts.append(f"Peers: {_pairs(report['versions'])}.")
    goals = [
        (
            g["model"],
            str(g["batch"]),
            g["ours"],
            g["theirs"],
            f"{g['ratio']:.2f}x",
            f"{g['ratio_of_fastest']:.2f}x",
            f"{g['goal']:.1f}x",
            "yes" if g["reached"] else "no",
        )
        for g in compare(report["results"])
    ]
    header = ("model", "batch", "ours", "theirs", "median", "fastest", "goal", "reached")
    parts += ["**Goals**", table(header, goals, left=4)]
    rows = [
        (
            r["model"],
            str(r["batch"]),
            r["engine"],
            f"{r['median_ms']:.2f}",
            f"{r['quartile1_ms']:.2f}–{r['quartile3_ms']:.2f}",
            f"{r['fastest_ms']:.2f}",
            f"{r['median_ms'] / r['batch']:.2f}",
            str(r["runs"]),
        )
        for r in sorted(report["results"], key=lambda r: (r["model"], r["batch"], r["median_ms"]))
    ]
    header = ("model", "batch", "engine", "median ms", "quartiles", "fastest", "ms a picture")
    parts += ["**All runs**", table((*header, "runs"), rows, left=3)]
    for title, key in (("Networks that differ", "differences"), ("Left out", "skipped")):
        if report[key]:
            parts += [f"**{title}**", "\n".join(f"- {line}" for line in report[key])]
    return "\n\n".join(parts) + "\n"


def _pairs(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
