"""A forecast for people: tables that fit into 80 columns."""

from __future__ import annotations

from nmt.pipeline.forecast import Forecast, NotYet

Rows = list[tuple[str, str, str]]

_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def figure_rows(forecast: Forecast) -> Rows:
    """Returns the figures of a run that are not of one stage: name, value, note."""
    epoch = forecast.epoch
    rows, source, target = forecast.largest_batch
    about = "" if forecast.counted else "about "
    return [
        ("pairs", f"{about}{epoch.pairs:,}", f"of {forecast.text_pairs:,}; from {forecast.basis}"),
        ("source tokens", f"{about}{epoch.source_tokens:,}", f"an epoch; {epoch.source_padding:.1%} padding"),
        ("target tokens", f"{about}{epoch.target_tokens:,}", f"an epoch; {epoch.target_padding:.1%} padding"),
        ("steps", f"{about}{epoch.steps:,}", "an epoch"),
        ("steps in all", f"{about}{epoch.steps * forecast.epochs:,}", f"at most: {_count(forecast.epochs, 'epoch')}"),
        ("parameters", f"{forecast.parameters:,}", ""),
        ("memory of them", size(forecast.training_bytes), "gradients, optimizer, averages"),
        (
            "memory, peak",
            "not known" if forecast.peak_bytes is None else f"{size(forecast.peak_bytes)} or more",
            f"of {_count(rows, 'pair')}, {source} + {target} tokens",
        ),
        ("disk, to stay", size(forecast.bytes), f"{size(forecast.free_bytes)} free"),
        ("disk, training", size(forecast.scratch_bytes), "checkpoints, removed at its end"),
    ]


def stage_rows(forecast: Forecast) -> list[tuple[str, str, str, str]]:
    """Returns disk and time of the stages that will run, and in all."""
    rows = [
        (
            row.stage,
            "" if row.bytes is None else size(row.bytes),
            "" if row.seconds is None else duration(row.seconds),
            row.basis,
        )
        for row in forecast.stages
    ]
    return [*rows, ("in all", size(forecast.bytes), duration(forecast.seconds), "at most: training may stop early")]


def missing_rows(missing: NotYet) -> list[tuple[str, str]]:
    """Returns the files to download and their sizes, and in all."""
    rows = [(name, "not known" if bytes_ is None else size(bytes_)) for name, bytes_ in missing.missing.items()]
    more = " and more" if None in missing.missing.values() else ""
    return [*rows, ("in all", size(missing.known_bytes) + more)]


def size(count: int) -> str:
    """Returns bytes as people read them: ``1.9 MB``."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count} bytes"


def duration(seconds: float) -> str:
    """Returns seconds as people read them: ``2 h 5 min``."""
    if seconds < 1.0:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60:,} h {minutes % 60} min"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
