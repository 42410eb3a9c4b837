"""What one machine has built, another takes from a store that both see."""


def test_a_run_takes_what_another_has_brought(continued, project, tmp_path):
    store = f"file://{tmp_path}/store"
    continued.environment["NMT_STORE"] = project.environment["NMT_STORE"] = store
    brought = continued("run", "tiny.yaml").stderr.decode()
    assert f"[train] brought to {store}" in brought
    assert "Nothing to do" in brought
    assert "brought" not in continued("run", "tiny.yaml").stderr.decode()
    (weights,) = (tmp_path / "store" / "train").rglob("weights.npz")
    plan = project("plan", "tiny.yaml", "--format", "json").stdout
    assert (plan.count(b'"take"'), plan.count(b'"run"')) == (8, 1)
    taken = project("run", "tiny.yaml", "train").stderr.decode()
    for stage in ("fetch", "clean", "tokenizer", "encode", "train"):
        assert f"[{stage}] taken from {store}" in taken
        assert f"[{stage}] done" not in taken
    assert project("plan", "tiny.yaml", "--format", "json", "--no-forecast").stdout.count(b'"done"') == 5
    (bundle,) = (project.folder / "work" / "artifacts" / "train").rglob("bundle.json")
    by_url = project("translate", f"file://{weights.parent}", "test.en").stdout
    assert by_url == project("translate", bundle.parent, "test.en").stdout
    assert by_url.count(b"\n") == len((project.folder / "test.en").read_text().splitlines())
    (text,) = (tmp_path / "store" / "translate").rglob("*.txt")
    text.write_text("damaged\n")
    built = project("run", "tiny.yaml").stderr.decode()
    assert "is damaged" in built
    assert "[translate] done" in built
    assert f"[evaluate] taken from {store}" in built
    assert "[record] done" in built
    assert (project.folder / "work" / "leaderboards" / "tiny.jsonl").is_file()
