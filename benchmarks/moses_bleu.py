"""BLEU as the papers on Multi30k report it: lowercased, Moses-normalised and Moses-tokenised text on both sides.

    python benchmarks/moses_bleu.py HYPOTHESES REFERENCES LANGUAGE

Needs sacremoses. The headline of the project is sacreBLEU's cased 13a; this figure is for comparison alone.
"""

import sys
from pathlib import Path

from nmt.evaluation.metrics import MetricOptions
from nmt.evaluation.scores import score_lines
from nmt.textio import read_lines


def tokenized(path: Path, language: str) -> list[str]:
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalizer, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)
    lowered = (normalizer.normalize(line.lower()) for line in read_lines(path))
    return [tokenizer.tokenize(line, return_str=True, aggressive_dash_splits=False) for line in lowered]


def main() -> None:
    hypotheses, references = (tokenized(Path(path), sys.argv[3]) for path in sys.argv[1:3])
    (score,) = score_lines(hypotheses, [references], ["bleu"], MetricOptions("none"), bootstrap_samples=1000)
    print(score, score.signature)


if __name__ == "__main__":
    main()
