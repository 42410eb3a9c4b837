"""The forecast of ``nmt plan`` by the command line, and the run that follows it."""

import json

EPOCH_FIGURES = ("pairs", "source_tokens", "target_tokens", "steps")


def forecast_of(command, *arguments):
    return json.loads(command("plan", "tiny.yaml", *arguments, "--format", "json").stdout)["forecast"]


def test_the_run_that_follows_is_as_forecast(project):
    forecast = forecast_of(project)
    assert not (project.folder / "work").exists()
    assert forecast["counted"]
    assert [stage["stage"] for stage in forecast["stages"]][:5] == ["fetch", "clean", "tokenizer", "encode", "train"]

    project("run", "tiny.yaml")
    artifacts = project.folder / "work" / "artifacts"
    (encoded,), (trained,) = (list((artifacts / stage).iterdir()) for stage in ("encode", "train"))
    counts = json.loads((encoded / "train.json").read_bytes())
    facts = json.loads((trained / "bundle" / "bundle.json").read_bytes())["facts"]
    epoch = forecast["epoch"]
    assert epoch["pairs"] == counts["kept"] == facts["pairs"]
    assert epoch["source_tokens"] == counts["source_tokens"]
    assert epoch["target_tokens"] == counts["target_tokens"] - counts["kept"]  # BOS is not predicted
    assert epoch["steps"] == facts["steps_per_epoch"] == facts["steps"] / facts["epochs"]
    assert forecast["steps"] == epoch["steps"] * 2
    assert forecast["parameters"] == facts["parameters"]

    sizes = {row["stage"]: row["bytes"] for row in forecast["stages"]}
    for stage in ("clean", "tokenizer", "encode"):
        (folder,) = (artifacts / stage).iterdir()
        written = sum(path.stat().st_size for path in folder.iterdir() if path.name != "stage.json")
        assert sizes[stage] == written

    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")}
    again = forecast_of(project, "--set", "training.max_epochs=5")
    assert {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")} == before
    assert again["basis"] == "the encoded corpus"
    assert {name: again["epoch"][name] for name in EPOCH_FIGURES} == {name: epoch[name] for name in EPOCH_FIGURES}
    assert [stage["stage"] for stage in again["stages"]] == ["train", "translate", "evaluate", "examine", "record"]


def test_the_tables_have_the_figures_and_fit_into_80_columns(project):
    result = project("plan", "tiny.yaml")
    text = result.stdout.decode()
    for name in ("pairs", "source tokens", "steps in all", "parameters", "memory, peak", "disk, training", "in all"):
        assert f"\n {name} " in text
    assert max(map(len, text.splitlines())) <= 80
    assert "forecast: timing" in result.stderr.decode()
    assert not (project.folder / "work").exists()


def test_without_forecast_or_training_nothing_is_measured(project):
    for arguments in (["--no-forecast"], ["encode"]):
        result = project("plan", "tiny.yaml", *arguments)
        assert b"forecast" not in result.stdout + result.stderr


def test_a_text_that_is_not_at_hand_is_named_with_its_size(project):
    recipe = (project.folder / "tiny.yaml").read_text()
    cards = "train: [multi30k/train]\n  valid: [{source: valid.en, target: valid.de}]"
    (project.folder / "tiny.yaml").write_text(recipe.replace("train: [{source: train.en, target: train.de}]", cards, 1))
    lines = (project.folder / "tiny.yaml").read_text().splitlines()
    lines.remove("  valid: [{source: valid.en, target: valid.de}]")
    (project.folder / "tiny.yaml").write_text("\n".join(lines))
    result = project("plan", "tiny.yaml")
    assert b"multi30k/train.en" in result.stdout
    assert b"run tiny.yaml fetch" in result.stdout
    forecast = forecast_of(project)
    assert forecast["text_pairs"] == 29_000
    assert forecast["download_bytes"] == sum(forecast["download"].values()) > 1e6
    assert not (project.folder / "work").exists()


def test_what_the_run_would_refuse_is_refused(project):
    error = project("plan", "tiny.yaml", "--set", "tokenizer={kind: bpe, vocab_size: 9000}", expect=3).stderr.decode()
    assert "vocab_size is larger than the text allows" in error
    assert "Traceback" not in error
    (project.folder / "train.de").unlink()
    error = project("plan", "tiny.yaml", expect=3).stderr.decode()
    assert "train.de" in error
    assert "Traceback" not in error
