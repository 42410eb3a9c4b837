"""A whole run by the command line: artifacts, results, what a second run does."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import sacrebleu

from nmt.tokenizer import TokenizerPair

STAGES = ["fetch", "clean", "tokenizer", "encode", "train", "translate", "evaluate", "examine", "record"]


def plan_of(command, *arguments) -> dict[str, dict]:
    plan = json.loads(command("plan", "tiny.yaml", *arguments, "--no-forecast", "--format", "json").stdout)
    return {row["stage"]: row for row in plan["stages"]}


def artifact(command, stage: str, *settings: str) -> Path:
    arguments = [part for setting in settings for part in ("--set", setting)]
    return command.folder / plan_of(command, *arguments)[stage]["artifact"]


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def test_every_stage_leaves_an_artifact(finished):
    plan = plan_of(finished)
    assert list(plan) == STAGES
    assert {row["state"] for row in plan.values()} == {"done"}
    for row in plan.values():
        assert (finished.folder / row["artifact"] / "stage.json").is_file()
    assert not list((finished.folder / "work" / "scratch").iterdir())


def test_the_scores_are_those_of_the_hypotheses_that_lie_there(finished):
    hypotheses = lines_of(artifact(finished, "translate") / "test.txt")
    references = lines_of(finished.folder / "test.de")
    assert len(hypotheses) == len(references)
    board = json.loads(finished("leaderboard", "tiny", "--format", "json").stdout)
    record, baseline = sorted(board["records"], key=lambda record: record.get("origin", "run"), reverse=True)
    assert (baseline["system"], baseline["origin"]) == ("copy of the source", "baseline")
    scores = {score["name"]: score for score in record["scores"]["test"]}
    assert scores["bleu"]["value"] == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert scores["chrf"]["value"] == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert "tok:13a" in scores["bleu"]["signature"]
    assert board["problems"] == []


def test_a_run_and_a_text_made_elsewhere_enter_one_board(finished, tmp_path):
    shown = finished("leaderboard", "add", "shared", "--run", "tiny").stdout.decode()
    assert shown == "Added to shared: tiny, copy of the source\n"
    output = tmp_path / "output.de"
    output.write_bytes((finished.folder / "test.de").read_bytes())
    finished("leaderboard", "add", "shared", "--system", "perfect", "--hypothesis", output)
    records = json.loads(finished("leaderboard", "show", "shared", "--format", "json").stdout)["records"]
    run, _, perfect = sorted(
        records, key=lambda record: ["tiny", "copy of the source", "perfect"].index(record["system"])
    )
    assert perfect["test_digests"] == run["test_digests"]
    assert perfect["scores"]["test"][1]["value"] == 100.0
    assert run["languages"] == "en-de"
    assert sorted(run["training_digests"]) == ["train.source.txt", "train.target.txt"]
    assert run["overlap"]["test"] == {"lines": 20, "sources": 0, "targets": 0, "pairs": 0}
    again = finished("leaderboard", "add", "shared", "--run", "tiny").stdout.decode()
    assert "nothing: the board has all of it already" in again
    message = finished("leaderboard", "add", "shared", "--run", "tin", expect=2).stderr.decode()
    assert "Did you mean tiny?" in message
    assert "at least two systems" in finished("compare", "tiny", expect=2).stderr.decode()


def test_score_gives_the_same_figures_as_the_run(finished):
    hypotheses = artifact(finished, "translate") / "test.txt"
    shown = json.loads(finished("score", hypotheses, "test.de", "--bootstrap-samples", 20, "--format", "json").stdout)
    recorded = json.loads((artifact(finished, "evaluate") / "scores.json").read_bytes())
    assert shown["scores"] == recorded["test"]
    assert shown["hypotheses"]["sha256"] == hashlib.sha256(hypotheses.read_bytes()).hexdigest()
    assert [text["lines"] for text in shown["references"]] == [20]


def test_compare_tests_runs_and_files_against_the_first(finished):
    runs = finished.folder / "work" / "runs"
    (runs / "twin").mkdir()
    (runs / "twin" / "run.json").write_bytes((runs / "tiny" / "run.json").read_bytes())
    try:
        [shown] = json.loads(finished("compare", "tiny", "twin", "--format", "json").stdout)
    finally:
        shutil.rmtree(runs / "twin")
    assert shown["test"] == "test"
    assert {row["system"] for row in shown["rows"]} == {"tiny", "twin"}
    twins = [row for row in shown["rows"] if row["system"] == "twin"]
    assert all((row["difference"], row["rank"]) == (0.0, 1) for row in twins)
    assert not any(test["significant"] for row in twins for test in row["tests"].values())
    hypotheses = artifact(finished, "translate") / "test.txt"
    table = finished("compare", hypotheses, "test.de", "--reference", "test.de", "-m", "chrf").stdout.decode()
    assert "100.00" in table
    assert "nc:6" in table
    message = finished("compare", "tiny", "tini", expect=2).stderr.decode()
    assert "Did you mean tiny?" in message


def test_the_end_shows_scores_samples_report_and_a_command(finished):
    assert "BLEU" in finished.output
    assert "hypothesis" in finished.output
    report = finished.folder / "work" / "runs" / "tiny" / "report.html"
    assert str(report.relative_to(finished.folder)) in finished.output
    page = report.read_text(encoding="utf-8")
    assert "<html" in page
    assert page.count("<svg") == 2 + 2 + 6  # training, lengths, attention
    assert "use of the source" in page
    assert "tensorflow" in page.split('id="environment"')[1]
    assert "translate work/runs/tiny/bundle" in finished.output


def test_the_model_is_examined(finished):
    folder = artifact(finished, "examine")
    maps, statistics, diagnosis = (
        json.loads((folder / f"{name}.json").read_bytes()) for name in ("attention", "statistics", "diagnosis")
    )
    hypotheses = lines_of(artifact(finished, "translate") / "test.txt")
    for sentence in maps:
        assert all(abs(sum(row) - 1) < 0.02 for row in sentence["weights"])
        assert len(sentence["weights"]) == len(sentence["target"])
        written = "".join(sentence["target"][:-1]).replace("\u2581", " ").split()
        assert written == hypotheses[sentence["line"] - 1].split()
    assert {finding["verdict"] for finding in diagnosis["findings"]} <= {"good", "look", "bad"}
    assert statistics["train"]["source"]["lines"] == 140
    assert statistics["test/test"]["target"]["unseen_words"] == 0.0


def test_a_second_run_does_nothing(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    assert b"Nothing to do" in finished("run", "tiny.yaml").stderr
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()} == before


def test_a_new_beam_size_is_the_reason_for_the_stages_after_training(finished):
    plan = plan_of(finished, "--set", "decoding.beam_size=3")
    assert [name for name, row in plan.items() if row["state"] == "run"] == STAGES[5:]
    assert plan["translate"]["reasons"] == ["decoding.beam_size 2 -> 3"]


def test_status_shows_the_run(finished):
    (row,) = json.loads(finished("status", "--format", "json").stdout)
    assert (row["recipe"], row["state"]) == ("tiny", "finished")
    assert row["bundle"] == "work/runs/tiny/bundle"


def test_a_bundle_translates_alike_wherever_it_lies(finished, tmp_path):
    expected = lines_of(artifact(finished, "translate") / "test.txt")
    bundle = (finished.folder / "work" / "runs" / "tiny" / "bundle").rename(tmp_path / "moved")
    try:
        answer = finished("translate", bundle, "test.en").stdout.decode().split("\n")[:-1]
    finally:
        bundle.rename(finished.folder / "work" / "runs" / "tiny" / "bundle")
    assert answer == expected


def test_translate_keeps_lines(finished):
    text = "old red house\n\n \u2028\nnew\x0bcar\r\nbig \u0085 blue \x00 book\rold\n\nsmall child"
    expected = ["text", "", "", "text", "text", "", "text"]
    answer = finished("translate", "work/runs/tiny/bundle", stdin=text.encode()).stdout.decode()
    assert answer.endswith("\n")
    lines = answer.split("\n")[:-1]
    assert len(lines) == len(expected)
    assert [bool(line.strip()) or kind == "text" for line, kind in zip(lines, expected, strict=True)] == [
        kind == "text" for kind in expected
    ]


def test_translate_needs_no_standard_error(finished):
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *finished.arguments("translate", "work/runs/tiny/bundle", "test.en")]
    result = subprocess.run(command, cwd=finished.folder, env=finished.environment, stdout=subprocess.PIPE)
    assert result.returncode == 0
    assert result.stdout.count(b"\n") == len(lines_of(finished.folder / "test.en"))


def test_translate_writes_a_file(finished, tmp_path):
    output = tmp_path / "answer.de"
    result = finished("translate", "work/runs/tiny/bundle", "test.en", "-o", output, "--beam-size", 1)
    assert result.stdout == b""
    assert len(lines_of(output)) == len(lines_of(finished.folder / "test.en"))


def test_the_mix_and_the_curriculum_are_the_business_of_training_alone(finished):
    settings = ("dataset.mix=[{weight: 2}]", "dataset.curriculum={epochs: 2}")
    plan = plan_of(finished, *[word for setting in settings for word in ("--set", setting)])
    assert [name for name, row in plan.items() if row["state"] == "run"] == STAGES[4:]
    assert "dataset.mix.0.weight (absent) -> 2.0" in plan["train"]["reasons"]


def test_another_seed_gives_another_model(finished):
    plan = plan_of(finished, "--set", "seed=2")
    assert plan["train"]["state"] == "run"
    assert "seed 1 -> 2" in plan["train"]["reasons"]


def test_a_stage_can_be_run_alone(project):
    result = project("run", "tiny.yaml", "tokenizer")
    folder = project.folder / result.stdout.decode().strip()
    assert list(folder.glob("*.model"))
    assert sorted(path.name for path in (project.folder / "work" / "artifacts").iterdir()) == [
        "clean",
        "fetch",
        "tokenizer",
    ]


def test_a_run_can_start_from_the_bundle_of_another(continued):
    bundle = "work/runs/tiny/bundle"
    settings = ["name=tuned", "training.max_epochs=1", f"training.start_from={bundle}"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    other = "tokenizer={kind: bpe, vocab_size: 40}"
    refused = continued("run", "tiny.yaml", "train", *arguments, "--set", other, expect=3)
    assert b"Set tokenizer.source_from to this bundle" in refused.stderr
    kept = ["--set", f"{other[:-1]}, source_from: {bundle}}}"]
    result = continued("run", "tiny.yaml", *arguments, *kept)
    assert b"start_from: encoder and decoder of tiny" in result.stderr
    index = json.loads((continued.folder / "work" / "runs" / "tuned" / "bundle" / "bundle.json").read_bytes())
    assert index["facts"]["start_from"] == {"recipe": "tiny", "parts": ["encoder", "decoder"]}
    original = json.loads((continued.folder / bundle / "bundle.json").read_bytes())
    assert index["files"]["shared.model"] == original["files"]["shared.model"]


def test_fine_tuning_on_another_script_with_an_extended_vocabulary(finished, project):
    bundle = finished.folder / "work" / "runs" / "tiny" / "bundle"
    for path in [*project.folder.glob("*.en"), *project.folder.glob("*.de")]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.translate(str.maketrans("aeu", "жшщ")), encoding="utf-8")
    settings = [
        f"tokenizer={{kind: char, vocab_size: 29, source_from: {bundle}, extend: 10}}",
        f"training.start_from={bundle}",
        "training.max_epochs=30",
        "training.select_on=loss",
        "decoding.beam_size=1",
    ]
    result = project("run", "tiny.yaml", *(part for setting in settings for part in ("--set", setting)))
    old, new = (
        TokenizerPair.load(folder).target for folder in (bundle, project.folder / "work" / "runs" / "tiny" / "bundle")
    )
    assert f"source_from: 3 new pieces behind its {old.vocab_size}".encode() in result.stderr
    assert new.pieces[: old.vocab_size] == old.pieces
    lines = lines_of(project.folder / "test.de")
    assert old.unknown_rate(lines) > 0.1
    assert new.unknown_rate(lines) == 0.0
    # Search never writes the unknown piece, so what is written is known.
    answers = "".join(lines_of(artifact(project, "translate", *settings) / "test.txt"))
    assert set("жшщ") & set(answers)


def test_fine_tuning_on_a_sentence_score(continued):
    bundle = "work/runs/tiny/bundle"
    settings = [
        "name=risk",
        f"tokenizer={{kind: char, vocab_size: 29, source_from: {bundle}}}",
        "training={max_epochs: 1, checkpoint_every: 3, risk: {metric: chrf, samples: 3}}",
    ]
    arguments = [part for setting in settings for part in ("--set", setting)]
    refused = continued("run", "tiny.yaml", *arguments, expect=2)
    assert b"training.risk needs a model whose samples are already sensible" in refused.stderr
    arguments += ["--set", f"training.start_from={bundle}"]
    result = continued("run", "tiny.yaml", *arguments)
    assert b"validation after epoch 1" in result.stderr
    before, after = (
        json.loads((continued.folder / "work" / "runs" / name / "bundle" / "bundle.json").read_bytes())
        for name in ("tiny", "risk")
    )
    # The same tokens in a batch, but four outputs of every source.
    assert after["facts"]["steps"] > before["facts"]["steps"]
    assert after["files"]["weights.npz"] != before["files"]["weights.npz"]


def test_the_parts_of_the_training_set_are_followed_to_the_ids(project):
    """Three corpora: one that repeats the first, and one with a pair that is too long."""
    (project.folder / "long.en").write_text("old new\n" + "big house " * 9 + "\nbig old blue\n")
    (project.folder / "long.de").write_text("alt neu\n" + "gross Haus " * 9 + "\ngross alt blau\n")
    own, long = "{source: train.en, target: train.de}", "{source: long.en, target: long.de}"
    settings = [f"corpora.train=[{own}, {own}, {long}]", "dataset.max_source_tokens=50"]
    project("run", "tiny.yaml", "encode", *[word for setting in settings for word in ("--set", setting)])
    (report,) = (project.folder / "work" / "artifacts" / "clean").glob("*/report.json")
    assert json.loads(report.read_bytes())["parts"] == [
        {"name": "train", "read": 140, "kept": 140},
        {"name": "train", "read": 140, "kept": 0},
        {"name": "long", "read": 3, "kept": 3},
    ]
    (counts,) = (project.folder / "work" / "artifacts" / "encode").glob("*/train.json")
    assert json.loads(counts.read_bytes())["parts"] == [140, 0, 2]


def test_a_mix_and_sampled_subwords_train_the_same_bundle_twice(project):
    recipe = (
        (project.folder / "tiny.yaml").read_text().replace("kind: char, vocab_size: 29", "kind: bpe, vocab_size: 60")
    )
    dataset = (
        "{tokens_per_batch: 256, subword_sampling: 0.2, mix: [{weight: 1.5}, {from_epoch: 2}], curriculum: {epochs: 2}}"
    )
    recipe = recipe.replace("{tokens_per_batch: 512}", dataset)
    recipe = recipe.replace("train: [", "train: [{source: valid.de, target: valid.en}, ")
    (project.folder / "tiny.yaml").write_text(recipe)
    project("run", "tiny.yaml", "train")
    weights = artifact(project, "train") / "bundle" / "weights.npz"
    first = weights.read_bytes()
    project("run", "tiny.yaml", "train", "--force", "train")
    assert weights.read_bytes() == first


def test_bench_times_training_and_leaves_the_run_as_it_is(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()}
    found = json.loads(finished("bench", "tiny.yaml", "--steps", 3, "--json").stdout)
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*") if path.is_file()} == before
    assert (found["recipe"], found["steps"], found["devices"], found["notes"]) == ("tiny", 3, 1, [])
    assert found["device"].startswith("CPU, ")
    assert found["target_tokens_per_second"] > 0
    assert 0 < found["share_of_matrix_rate"] < 1
    assert 0 <= found["share_of_waiting"] < 1
