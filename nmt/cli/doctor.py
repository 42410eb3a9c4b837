"""The verb doctor: is the environment sound, and what has a model learnt."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nmt.cli.options import format_option, print_json, print_table, work_option


@click.command(epilog="Exit codes: 0 nothing is bad; 1 something is bad.")
@click.argument("run", required=False)
@work_option
@format_option("table", "json")
def doctor(run: str | None, work: Path | None, form: str) -> None:
    """Examine the environment; or RUN, a run of the workspace by its name, or a bundle by its folder.

    Without RUN: versions, processors, memory, disk, GPUs, a tiny training step on each device, and the folders that are
    used. With RUN: what the model has learnt beyond frequencies, the training curve, copies, repetition and length of
    its outputs, attention, embeddings, vocabulary and cleaning. Each finding is good, worth a look, or bad, with what
    it means and what to do. Nothing is changed.
    """
    from nmt.pipeline.doctor import diagnose, examine
    from nmt.pipeline.workspace import Workspace

    workspace = Workspace.at(work)
    diagnosis = examine(workspace) if run is None else diagnose(run, workspace)
    if form == "json":
        print_json(diagnosis.to_json())
    elif sys.stdout.isatty():
        print(diagnosis.subject)
        rows = [(found.verdict, found.name, found.text("\n")) for found in diagnosis.findings]
        print_table(["verdict", "finding", "value and meaning"], rows)
    else:
        for found in diagnosis.findings:
            print(f"{found.verdict:4}  {found.name}: {found.text('. ')}")
    if form == "table":
        for sentence in diagnosis.left_out:
            print(f"left out  {sentence}")
        print(diagnosis.summary())
    sys.exit(1 if diagnosis.has_bad else 0)
