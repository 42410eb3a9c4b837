"""The environment's findings, with versions, files and variables of the tests' own."""

import os

import pytest
from packaging.requirements import Requirement

from nmt.pipeline import environment
from nmt.pipeline.workspace import Workspace


@pytest.mark.parametrize(
    ("version", "verdict"), [("2.21.3", "good"), ("2.20.0", "bad"), ("2.22.0", "bad"), (None, "bad")]
)
def test_versions_are_compared_with_what_is_asked_for(version, verdict):
    found = environment.version_finding("tensorflow", version, [Requirement("tensorflow>=2.21,<2.22")])
    assert found.verdict == verdict
    assert ('pip install "tensorflow<2.22,>=2.21"' in found.action) == (verdict == "bad")


def test_a_package_that_nothing_asks_for_is_good():
    assert environment.version_finding("numpy", "9.9", []).verdict == "good"


def test_tensorflow_text_must_be_of_the_same_version(monkeypatch):
    versions = dict.fromkeys(environment._PACKAGES, "99.0") | {"tensorflow": "2.21.0", "tensorflow-text": "2.20.1"}
    monkeypatch.setattr(environment, "installed_version", versions.get)
    found = {finding.name: finding.verdict for finding in environment.check_versions()}
    assert found["tensorflow-text"] == "look"
    assert found["tensorflow"] == "good"
    versions["tensorflow-text"] = "2.21.9"
    assert {f.name: f.verdict for f in environment.check_versions()}["tensorflow-text"] == "good"


@pytest.mark.parametrize(("content", "expected"), [("50000 100000", 0.5), ("max 100000", None), ("", None)])
def test_the_quota_of_a_container_counts(content, expected, tmp_path):
    (tmp_path / "cpu.max").write_text(content)
    without = environment.usable_cpus(tmp_path / "absent")
    assert environment.usable_cpus(tmp_path / "cpu.max") == (expected or without)


def test_memory_is_what_system_and_container_leave(tmp_path):
    information = tmp_path / "meminfo"
    information.write_text("MemTotal: 9 kB\nMemAvailable:   4000 kB\n")
    assert environment.available_memory(information, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("5000")
    (tmp_path / "memory.current").write_text("2000")
    assert environment.available_memory(information, tmp_path) == 3000
    (tmp_path / "memory.max").write_text("max")
    assert environment.available_memory(information, tmp_path) == 4000 * 1024
    assert environment.available_memory(tmp_path / "absent", tmp_path) is None


def folders(workspace):
    return {finding.name: finding for finding in environment.check_folders(workspace)}


def test_folders_that_are_named_are_looked_at(tmp_path, monkeypatch):
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("NMT_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("NMT_MIRROR", str(tmp_path / "absent"))
    monkeypatch.setenv("NMT_CARDS", str(tmp_path / "cards"))
    monkeypatch.setenv("NMT_OFFLINE", "1")
    found = folders(Workspace.at(None))
    assert (found["workspace"].verdict, found["mirror (NMT_MIRROR)"].verdict) == ("good", "bad")
    assert found["cards (NMT_CARDS)"].verdict == "good"
    assert found["workspace"].shown == f"{tmp_path / 'work'} (NMT_WORK), not there yet"
    assert found["network"].shown.startswith("forbidden")
    assert not (tmp_path / "work").exists()


def test_a_mirror_that_is_a_url_is_not_contacted(monkeypatch, tmp_path):
    monkeypatch.setenv("NMT_MIRROR", "http://127.0.0.1:9/corpora")
    assert folders(Workspace(tmp_path))["mirror (NMT_MIRROR)"].verdict == "good"


def test_a_file_in_the_place_of_the_workspace_is_bad(tmp_path):
    (tmp_path / "work").write_text("")
    assert folders(Workspace(tmp_path / "work" / "deeper"))["workspace"].verdict == "bad"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_without_rights_is_bad(tmp_path):
    tmp_path.chmod(0o500)
    assert folders(Workspace(tmp_path / "work"))["workspace"].verdict == "bad"


@pytest.mark.parametrize(
    ("gpus", "driver", "visible", "verdict"),
    [(["H"], True, None, "good"), ([], False, None, "good"), ([], True, None, "look"), ([], True, "", "good")],
)
def test_a_gpu_that_is_not_used_is_worth_a_look(gpus, driver, visible, verdict, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert environment.gpu_finding(gpus, True, driver).verdict == verdict


@pytest.mark.parametrize(
    ("capabilities", "flags", "shown"),
    [
        ([(9, 0)], set(), "bfloat16, float16"),
        ([(8, 0), (7, 5)], {"amx_bf16"}, "float16"),
        ([(6, 1)], {"amx_bf16"}, "none"),
        ([], {"avx2", "avx512_bf16"}, "bfloat16"),
        ([], {"avx2"}, "none"),
    ],
)
def test_mixed_precision_is_what_the_weakest_device_has_units_for(capabilities, flags, shown):
    found = environment.precision_finding(capabilities, flags)
    assert (found.shown, found.verdict) == (shown, "good")


def test_the_flags_of_the_processor_are_read_where_the_system_says_them(tmp_path):
    information = tmp_path / "cpuinfo"
    information.write_text("processor\t: 0\nflags\t\t: fpu amx_bf16\nbugs\t\t: none\n")
    assert environment.processor_flags(information) == {"fpu", "amx_bf16"}
    assert environment.processor_flags(tmp_path / "absent") == set()
    assert environment.precision_finding([], set()).meaning == "Train in float32 here."


def test_several_gpus_share_the_training():
    assert "divided" in environment.gpu_finding(["A", "A"], True, True).meaning
    assert "cuDNN" in environment.gpu_finding(["A"], True, True).meaning
