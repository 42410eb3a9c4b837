"""How well the hard alignments of a model agree with the true ones, on the project's own phrases.

    python benchmarks/alignment_error.py BUNDLE [--sentences 1000] [--share 1.0]

The phrases of the test part are forced through the model, so that every model is asked about the same translations.
Prints precision, recall and F1 over the links of words. All true links count alike (none is merely possible), so that
the alignment error rate of Och and Ney 2003 is 1 - F1.
"""

import argparse
from itertools import islice
from pathlib import Path

from nmt.bundle import load_bundle
from nmt.corpora.phrases import generate_sentences
from nmt.decoding.score_pairs import PairScorer
from nmt.decoding.translate import Translator
from nmt.word_alignment import agreement, hard_alignment

SEED = 1  # that of the card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--share", type=float, default=1.0, help="of the best link's weight, which a link needs")
    options = parser.parse_args()
    sentences = list(islice(generate_sentences("test", SEED), options.sentences))
    translator = Translator(load_bundle(options.bundle))
    translator.check_attention("alignment_error.py")
    scores = PairScorer(translator).score([each.english for each in sentences], [each.german for each in sentences])
    found = [hard_alignment(score.details.attention, options.share) for score in scores]
    precision, recall, f1 = agreement(found, [each.alignment for each in sentences])
    print(f"{len(sentences)} sentences: precision {precision:.4f}  recall {recall:.4f}  F1 {f1:.4f}")


if __name__ == "__main__":
    main()
