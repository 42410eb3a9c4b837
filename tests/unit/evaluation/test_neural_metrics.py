"""COMET and BERTScore, with small packages in their place: the real ones need models that no test has."""

import sys
from types import SimpleNamespace

import pytest

from nmt.errors import UsageError
from nmt.evaluation import neural_metrics
from nmt.evaluation.metrics import open_metric
from nmt.evaluation.scores import score_lines

SOURCES, REFERENCES, HYPOTHESES = ["ein a", "ein b"], ["an a", "a b"], ["an a", "b"]


@pytest.fixture
def models(tmp_path, monkeypatch):
    checkpoint = tmp_path / "small.ckpt"
    checkpoint.write_bytes(b"weights")
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.bin").write_bytes(b"many weights")
    monkeypatch.setenv("NMT_COMET", str(checkpoint))
    monkeypatch.setenv("NMT_BERTSCORE", str(folder))
    monkeypatch.setattr(neural_metrics, "version", lambda package: "1.2")

    class Comet:
        def predict(self, rows, batch_size, gpus, progress_bar):
            assert [row["src"] for row in rows] == SOURCES
            return SimpleNamespace(scores=[float(row["mt"] == row["ref"]) for row in rows])

    class Scorer:
        def __init__(self, model_type, num_layers):
            assert (model_type, num_layers) == (str(folder), 9)

        def score(self, hypotheses, references):
            return None, None, [0.5 * (line == other) for line, other in zip(hypotheses, references, strict=True)]

    monkeypatch.setitem(sys.modules, "comet", SimpleNamespace(load_from_checkpoint=lambda path: Comet()))
    monkeypatch.setitem(sys.modules, "bert_score", SimpleNamespace(BERTScorer=Scorer))


@pytest.mark.usefixtures("models")
def test_scores_are_means_of_the_best_reference_with_signature_and_interval():
    comet, bertscore = score_lines(
        HYPOTHESES, [REFERENCES, ["x", "b"]], ["comet", "bertscore"], bootstrap_samples=50, sources=SOURCES
    )
    assert (comet.value, bertscore.value) == (100.0, 50.0)
    assert comet.low is not None
    assert comet.signature.startswith("nrefs:2|bs:50|seed:12345|model:small|sha256:")
    assert "|package:unbabel-comet-1.2|" in comet.signature
    assert "|model:encoder|sha256:" in bertscore.signature
    assert "|layer:9|package:bert-score-1.2|" in bertscore.signature
    (single,) = score_lines(HYPOTHESES, [REFERENCES], ["comet"], sources=SOURCES)
    assert single.value == 50.0


@pytest.mark.usefixtures("models")
def test_comet_needs_a_source():
    with pytest.raises(UsageError, match="--source"):
        open_metric("comet", [REFERENCES])


@pytest.mark.parametrize(("name", "module"), [("comet", "comet"), ("bertscore", "bert_score")])
def test_a_missing_package_or_model_is_named(name, module, models, monkeypatch, tmp_path):
    monkeypatch.setenv(neural_metrics.MODEL_VARIABLES[name], str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=f"{neural_metrics.MODEL_VARIABLES[name]}=.*nothing is downloaded"):
        open_metric(name, [REFERENCES], sources=SOURCES)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="pip install"):
        open_metric(name, [REFERENCES], sources=SOURCES)
