"""What a run prints when it is done."""

import json

from nmt.pipeline.summary import _example


def test_the_source_to_try_is_the_shortest_that_is_not_blank(tmp_path):
    rows = {"first": [["a long sentence", "r", "h"], ["", "r", "h"]], "second": [["short", "r", "h"]], "none": []}
    (tmp_path / "samples.json").write_text(json.dumps(rows), encoding="utf-8")
    assert _example(tmp_path) == "short"
    (tmp_path / "samples.json").write_text(json.dumps({"none": []}), encoding="utf-8")
    assert _example(tmp_path) == "a sentence of your own"
