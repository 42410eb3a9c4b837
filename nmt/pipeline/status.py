"""The state of a workspace: which recipes were run in it, and how far they are."""

from __future__ import annotations

from typing import Any

from nmt.pipeline.stage import SYNTHESIZE
from nmt.pipeline.stages import STAGES
from nmt.pipeline.workspace import Workspace


def workspace_status(workspace: Workspace) -> list[dict[str, Any]]:
    """Returns one row per recipe: its stages as they were last run, the latest run first."""
    folder = workspace.root / "runs"
    names = [path.parent.name for path in folder.glob("*/run.json")]
    return sorted((_run_status(workspace, name) for name in names), key=lambda row: str(row["time"]), reverse=True)


def _run_status(workspace: Workspace, recipe: str) -> dict[str, Any]:
    run = workspace.last_run(recipe)
    stages = []
    for stage in STAGES:
        digest = run.get("stages", {}).get(stage.name)
        if stage.name == SYNTHESIZE and not digest:
            continue  # most recipes do not have it
        state = "missing"
        if digest and workspace.manifest(stage.name, digest):
            state = "damaged" if workspace.damage(stage.name, digest) else "done"
        timing = workspace.timing(stage.name, digest) if digest else {}
        stages.append({"stage": stage.name, "state": state, "digest": digest} | timing)
    running = run.get("building")
    if running and workspace.is_locked(running["stage"], running["digest"]):
        state = f"building {running.get('label', running['stage'])}"
    elif running and not workspace.manifest(running["stage"], running["digest"]):
        state = f"stopped before {running.get('label', running['stage'])}"
    else:
        unfinished = [row["stage"] for row in stages if row["state"] != "done"]
        state = f"stopped before {unfinished[0]}" if unfinished else "finished"
    bundle = workspace.run_folder(recipe) / "bundle"
    return {
        "recipe": recipe,
        "path": run.get("recipe"),
        "time": run.get("time", ""),
        "state": state,
        "bundle": str(bundle) if bundle.is_dir() else None,
        "stages": stages,
    }
