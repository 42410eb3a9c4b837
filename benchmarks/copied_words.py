"""How many outputs have a word of their source that the vocabulary lacks, where the reference has one.

    python benchmarks/copied_words.py BUNDLE SOURCE REFERENCE [--hypothesis FILE]

A document needs such a word when its reference has a word of its source that is outside of the vocabulary. Prints the
number of these documents, the number of them whose output has a word of the source from outside of the vocabulary, and
the number whose output has one that the reference has too. Words are what stands between white space, normalised as the
bundle does it. The outputs are those of the bundle, by its own settings, unless a file of them is given.
"""

import argparse
from pathlib import Path

from nmt.bundle import load_bundle
from nmt.decoding.translate import Translator
from nmt.textio import read_lines, read_parallel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--hypothesis", type=Path, help="outputs that there are already, instead of the bundle's")
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    vocabulary = {piece.removeprefix("\u2581") for piece in bundle.tokenizers.source.pieces}
    rows = [list(map(bundle.normalize, row)) for row in read_parallel([options.source, options.reference])]
    unknown = [set(source.split()) - vocabulary for source, _ in rows]
    needed = [words & set(reference.split()) for words, (_, reference) in zip(unknown, rows, strict=True)]
    if options.hypothesis is not None:
        outputs = list(read_lines(options.hypothesis))
    else:
        outputs = list(Translator(bundle).translate(source for source, _ in rows))
    need = have = right = 0
    for words, wanted, output in zip(unknown, needed, outputs, strict=True):
        if wanted:
            written = set(output.split())
            need += 1
            have += bool(words & written)
            right += bool(wanted & written)
    print(f"{need} {have} {right}")
    share = f": {have / need:.1%}, and {right / need:.1%} one that the reference has" if need else ""
    print(f"{need} of {len(rows)} documents need a word outside of the vocabulary; {have} outputs have one{share}")


if __name__ == "__main__":
    main()
