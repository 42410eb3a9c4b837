"""The doctor of the environment: versions, machine, devices, folders."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import nmt
from nmt.corpora.cards import CARD_FOLDERS_VARIABLE
from nmt.corpora.fetch import MIRROR_VARIABLE, is_offline
from nmt.evaluation.findings import Finding, Verdict
from nmt.pipeline.store import STORE_VARIABLE
from nmt.pipeline.workspace import WORKSPACE_VARIABLE, Workspace
from nmt.storage import nearest_folder
from nmt.terminal import load_tensorflow

_PACKAGES = ("tensorflow", "keras", "numpy", "sentencepiece", "sacrebleu")
_CUDNN = "nvidia-cudnn-cu12"  # the package that "nmt[gpu]" brings
_GIGABYTE = 1e9
_MEMORY_NEEDED = (1.0, 3.0)  # GB: TensorFlow with a model of one small layer takes 0.8
_DISK_NEEDED = (0.5, 5.0)  # GB: a small run takes some 100 MB; corpora, checkpoints and several runs, some GB
_TOLERANCE = 1e-2  # a GPU may multiply in TensorFloat-32, which keeps 10 bits: 1e-3, added up over 20 steps


def examine_environment(workspace: Workspace) -> list[Finding]:
    """Returns the findings about this machine and installation."""
    return [*check_versions(), *check_machine(workspace), *check_folders(workspace), *_check_devices()]


def check_versions() -> list[Finding]:
    """Compares Python and the packages with what the project asks for."""
    requirements = _requirements()
    findings = [_python()]
    for name in _PACKAGES:
        version = installed_version(name)
        findings.append(version_finding(name, version, requirements.get(name, [])))
    if (text := installed_version("tensorflow-text")) is not None:
        tensorflow = installed_version("tensorflow") or "0.0"
        fits = Version(text).release[:2] == Version(tensorflow).release[:2]
        meaning = "It is of TensorFlow's version." if fits else f"It is made for another TensorFlow than {tensorflow}."
        action = (
            ""
            if fits
            else "Install the tensorflow-text of TensorFlow's version, or remove it: only nmt export needs it."
        )
        findings.append(Finding("tensorflow-text", None, text, "good" if fits else "look", meaning, action))
    return findings


def version_finding(name: str, version: str | None, requirements: list[Requirement]) -> Finding:
    """Judges one package by its version; None: it is not installed."""
    expected = ", ".join(str(requirement.specifier) for requirement in requirements if str(requirement.specifier))
    action = f'Install it: pip install "{name}{expected.replace(", ", ",")}"'
    if version is None:
        return Finding(name, None, "not installed", "bad", "nmt cannot run without it.", action)
    if not all(requirement.specifier.contains(version, prereleases=True) for requirement in requirements):
        return Finding(name, None, version, "bad", f"nmt is made for {expected}.", action)
    meaning = f"It is what nmt asks for ({expected})." if expected else "It is installed."
    return Finding(name, None, version, "good", meaning)


def installed_version(name: str) -> str | None:
    """Returns the version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> dict[str, list[Requirement]]:
    """Returns what this project asks of packages, and TensorFlow of Keras, by name."""
    found: dict[str, list[Requirement]] = {}
    for asking in ("nmt", "tensorflow"):
        try:
            texts = metadata.requires(asking) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in map(Requirement, texts):
            # A marker such as "extra == 'gpu'" is not true here.
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                found.setdefault(requirement.name.lower(), []).append(requirement)
    return found


def _python() -> Finding:
    version = platform.python_version()
    try:
        expected = metadata.metadata("nmt").json.get("requires_python", "")
    except metadata.PackageNotFoundError:
        return Finding("Python", None, version, "good", "nmt runs from its folder, without being installed.")
    asked = Requirement(f"python{expected}")
    if asked.specifier.contains(version, prereleases=True):
        return Finding("Python", None, version, "good", f"It is what nmt asks for ({expected}).")
    return Finding("Python", None, version, "bad", f"nmt is made for {expected}.", "Use such a Python.")


def check_machine(workspace: Workspace) -> list[Finding]:
    """Judges processors, memory and the space on the workspace's disk."""
    usable, present = usable_cpus(), os.cpu_count() or 1
    findings = [
        Finding(
            "CPU cores",
            usable,
            f"{usable:g} of {present}",
            "good" if usable >= 2 else "look",
            "This process may use them." if usable >= 2 else "Training will be slow.",
            "" if usable >= 2 else "Give the process or its container more cores.",
        )
    ]
    if (free := available_memory()) is not None:
        action = "Close other programs, or lower dataset.tokens_per_batch and the model's size."
        findings.append(_room("memory", free, _MEMORY_NEEDED, "available", action))
    place = nearest_folder(workspace.root)
    action = "Make room, or set NMT_WORK to a folder on another disk."
    findings.append(_room("disk", shutil.disk_usage(place).free, _DISK_NEEDED, "free for the workspace", action))
    return findings


def _room(name: str, free: float, needed: tuple[float, float], what: str, action: str) -> Finding:
    """Judges free bytes by what is needed at least, and for comfort."""
    size = free / _GIGABYTE
    verdict: Verdict = "bad" if size < needed[0] else "look" if size < needed[1] else "good"
    meaning = {
        "good": "It is enough for the recipes of the project.",
        "look": "It is enough for small runs.",
        "bad": "It is too little to train.",
    }
    return Finding(
        name, round(size, 2), f"{size:.1f} GB {what}", verdict, meaning[verdict], "" if verdict == "good" else action
    )


def usable_cpus(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Returns how many processors this process may use: by its affinity, and by the quota of its container."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    cpus = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    try:
        quota, period = quota_file.read_text().split()
        return min(cpus, round(int(quota) / int(period), 1))
    except (OSError, ValueError):  # no such file, or "max"
        return cpus


def available_memory(
    information: Path = Path("/proc/meminfo"), container: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """Returns the bytes that can be had without swapping, or None where the system does not say."""
    try:
        rows = dict(line.split(":", 1) for line in information.read_text().splitlines())
        free = float(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return None
    try:
        limit = int((container / "memory.max").read_text())
        return min(free, float(limit - int((container / "memory.current").read_text())))
    except (OSError, ValueError):  # no such file, or "max"
        return free


def check_folders(workspace: Workspace) -> list[Finding]:
    """Says where workspace, mirror and cards are, and whether they can be used."""
    environment = os.environ
    root = workspace.root
    place = nearest_folder(root)
    writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    there = "" if root.is_dir() else ", not there yet"
    named = " (NMT_WORK)" if environment.get(WORKSPACE_VARIABLE) == str(root) else ""
    findings = [
        Finding(
            "workspace",
            None,
            f"{root}{named}{there}",
            "good" if writable else "bad",
            "Runs can be written there." if writable else "Nothing can be written there.",
            "" if writable else f"Give yourself the right to write to {place}, or set NMT_WORK to another folder.",
        )
    ]
    mirror = environment.get(MIRROR_VARIABLE)
    if mirror and "://" in mirror:
        meaning = "Corpora are searched there first. It was not contacted."
        findings.append(Finding("mirror (NMT_MIRROR)", None, mirror, "good", meaning))
    elif mirror:
        findings.append(_folder("mirror (NMT_MIRROR)", mirror, "Corpora are searched there first."))
    if store := environment.get(STORE_VARIABLE):
        meaning = "Finished artifacts are taken from there, and brought there. It was not contacted."
        findings.append(Finding("store (NMT_STORE)", None, store, "good", meaning))
    for folder in filter(None, environment.get(CARD_FOLDERS_VARIABLE, "").split(os.pathsep)):
        findings.append(_folder("cards (NMT_CARDS)", folder, "Its corpus cards can be used."))
    offline = is_offline()
    meaning = "nmt will not download anything." if offline else "nmt downloads the corpora that a recipe names."
    shown = "forbidden (NMT_OFFLINE)" if offline else "allowed"
    return [*findings, Finding("network", None, shown, "good", meaning)]


def _folder(name: str, folder: str, meaning: str) -> Finding:
    if Path(folder).is_dir() and os.access(folder, os.R_OK | os.X_OK):
        return Finding(name, None, folder, "good", meaning)
    return Finding(name, None, folder, "bad", "There is no folder that can be read.", "Correct the variable.")


def _check_devices() -> list[Finding]:
    """Judges GPUs, CUDA and a tiny training step on each device."""
    load_tensorflow()
    from nmt.training.device_check import check_devices, find_accelerators

    found = find_accelerators()
    findings = [gpu_finding(found.gpus, found.built_with_cuda, has_nvidia_driver())]
    if found.built_with_cuda:
        shown = f"CUDA {found.cuda or 'unknown'}, cuDNN {found.cudnn or 'unknown'}"
        if installed := installed_version(_CUDNN):
            shown += f" ({_CUDNN} {installed})"
        findings.append(Finding("TensorFlow's build", None, shown, "good", "It can use NVIDIA GPUs."))
    findings.append(precision_finding(found.capabilities, processor_flags()))
    for step in check_devices():
        fault = ""
        if not step.finite:
            fault = "The step gives values that are not finite."
        elif step.difference > _TOLERANCE:
            fault = f"The step differs from the CPU's plain loop by {step.difference:.1e}, relative."
        meaning = fault or f"One layer trains; its results are right to {max(step.difference, 1e-7):.0e}."
        action = "Install TensorFlow again, or another driver; CUDA_VISIBLE_DEVICES= trains without the GPU."
        verdict: Verdict = "bad" if fault else "good"
        shown = f"{step.milliseconds:.1f} ms"
        findings.append(
            Finding(
                f"{step.cell.upper()} step on {step.device}",
                round(step.milliseconds, 2),
                shown,
                verdict,
                meaning,
                action if fault else "",
            )
        )
    return findings


def has_nvidia_driver() -> bool:
    """Whether the system has the driver of an NVIDIA GPU."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidia0").exists()


def gpu_finding(gpus: list[str], built_with_cuda: bool, driver: bool) -> Finding:
    """Judges the GPUs that TensorFlow sees."""
    if gpus:
        meaning = "Training runs on it, LSTM and GRU layers on cuDNN."
        if len(gpus) > 1:
            meaning = "Training is divided among all of them, or as many as NMT_DEVICES says; layers run on cuDNN."
        return Finding("GPU", len(gpus), ", ".join(gpus), "good", meaning)
    if not driver or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return Finding("GPU", 0, "none", "good", "Training runs on the CPU.")
    missing = "its CUDA libraries" if built_with_cuda else "a TensorFlow with CUDA"
    action = f'Install {missing}: pip install "nmt[gpu]" (Linux).'
    meaning = "The system has an NVIDIA driver, but TensorFlow sees no GPU: training runs on the CPU."
    return Finding("GPU", 0, "none that TensorFlow can use", "look", meaning, action)


def precision_finding(capabilities: list[tuple[int, int]], flags: set[str]) -> Finding:
    """Says which types of ``training.mixed_precision`` the GPUs, or the processor, have units for.

    Args:
        capabilities: NVIDIA's compute capability of each GPU; none where the CPU trains.
        flags: of the processor, as Linux calls them.
    """
    types: list[str] = []
    if capabilities:  # Volta has matrix units for float16, Ampere for bfloat16 as well
        types = [name for name, least in (("bfloat16", (8, 0)), ("float16", (7, 0))) if min(capabilities) >= least]
    elif flags & {"amx_bf16", "avx512_bf16"}:
        types = ["bfloat16"]
    shown = ", ".join(types) or "none"
    meaning = "There are units for it; nmt bench tells what it gains." if types else "Train in float32 here."
    return Finding("mixed precision", None, shown, "good", meaning)


def processor_flags(information: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Returns what the processor can do, as Linux calls it; nothing where the system does not say."""
    try:
        lines = information.read_text().splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


def describe_system() -> str:
    """Returns the system and the interpreter in words."""
    return f"{platform.system()} {platform.machine()}, {sys.executable}"


def environment_facts() -> dict[str, str]:
    """Returns what a run was made with, by name, for those who want to make it again. TensorFlow is loaded for it."""
    load_tensorflow()
    from nmt.training.device_check import find_accelerators

    facts = {"nmt": nmt.__version__, "Python": platform.python_version()}
    facts |= {name: installed_version(name) or "not installed" for name in _PACKAGES}
    return facts | {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "CPU cores": f"{usable_cpus():g} of {os.cpu_count() or 1}",
        "GPU": ", ".join(find_accelerators().gpus) or "none",
    }
