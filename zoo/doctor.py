"""The state of an installation: versions, devices, folders, and what is missing."""

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement

from keras_gen import __version__

from .file_cache import folder as cache_folder
from .quiet import quiet_tensorflow

PACKAGE = "keras-gen"
TOOLS = {"dev", "bench", "docs", "notebooks"}  # extras of those who work on the package
OK, MISSING, WRONG = "ok", "missing", "wrong version"


def examine() -> dict[str, Any]:
    """Looks at the installation.

    Returns:
        Facts for JSON: `keras_gen`, `python` and `platform`; `packages`, dicts of
        `name`, `version` (None if missing), `required`, `extra` ("" if always needed)
        and `state` ("ok", "missing", "wrong version"); `devices`, the names that
        TensorFlow gives them, or [] without TensorFlow; `folders`, by their use, with
        `path`, and `free` bytes; and `problems`, sentences that say what to do.
    """
    packages = _packages()
    problems = [
        f"{one['name']} {one['version'] or 'is missing'}: required is "
        f"{one['name']}{one['required']}. Run pip install --upgrade {PACKAGE}."
        for one in packages
        if one["state"] == WRONG or (one["state"] == MISSING and not one["extra"])
    ]
    devices = []
    try:
        quiet_tensorflow()
        devices = _devices()
    except ImportError as error:  # of TensorFlow, or of another backend
        problems.append(str(error))
    folders, wrong = _folders()
    return {
        "keras_gen": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "devices": devices,
        "folders": folders,
        "problems": problems + wrong,
    }


def rows_of(facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The facts in lines: what, found, and a remark."""
    lines = [(k, facts[k], "") for k in ("keras_gen", "python", "platform")]
    for one in facts["packages"]:
        remark = "" if one["state"] == OK else one["state"]
        if one["state"] == MISSING and one["extra"]:
            remark = f"for the extra {one['extra']}"
        lines.append((one["name"], one["version"] or "none", remark))
    for device in facts["devices"]:
        lines.append(("device", device, ""))
    if facts["devices"] and not any("GPU" in name for name in facts["devices"]):
        lines.append(("GPU", "none", "TensorFlow computes on the CPU"))
    for use, folder in facts["folders"].items():
        free = f"{folder['free'] / 1e9:.1f} GB free" if folder["free"] else "not there"
        lines.append((use, folder["path"], free))
    return lines


def _packages() -> list[dict[str, Any]]:
    """What the package requires, once each, the extras after what is always needed."""
    found: dict[str, dict[str, Any]] = {}
    for text in importlib.metadata.requires(PACKAGE) or []:
        requirement = Requirement(text)
        extra = _extra_of(requirement)
        if extra in TOOLS or requirement.name == PACKAGE:
            continue
        name = requirement.name
        version = _version_of(name)
        state = MISSING if version is None else OK
        if version and not requirement.specifier.contains(version, prereleases=True):
            state = WRONG
        facts = {"name": name, "version": version, "extra": extra, "state": state}
        facts["required"] = str(requirement.specifier)
        found.setdefault(name, facts)
    return sorted(found.values(), key=lambda one: (one["extra"] != "", one["name"]))


def _extra_of(requirement: Requirement) -> str:
    """The extra that needs a requirement, or "" if it is always needed."""
    if requirement.marker is None:
        return ""
    extras = importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    known = {**default_environment()}
    if requirement.marker.evaluate({**known, "extra": ""}):
        return ""
    needs = [e for e in extras if requirement.marker.evaluate({**known, "extra": e})]
    return next((e for e in needs if e not in TOOLS), "dev")


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """The devices that TensorFlow sees, each with its name."""
    import tensorflow as tf

    return [_name_of(tf, device) for device in tf.config.list_physical_devices()]


def _name_of(tf: Any, device: Any) -> str:
    if device.device_type == "CPU":
        return f"CPU with {os.cpu_count()} cores"
    details = tf.config.experimental.get_device_details(device)
    return f"{device.device_type} {details.get('device_name', device.name)}"


def _folders() -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The folders of data and caches, and what is wrong with them."""
    places, wrong = {"cache": cache_folder()}, []
    if given := os.environ.get("KERAS_GEN_DATA"):
        places["KERAS_GEN_DATA"] = Path(given)
        if not Path(given).is_dir():
            wrong.append(f"KERAS_GEN_DATA must name a folder, received {given!r}.")
    facts = {}
    for use, path in places.items():
        above = next((p for p in (path, *path.parents) if p.exists()), None)
        free = shutil.disk_usage(above).free if above else 0
        facts[use] = {"path": str(path), "free": free}
    return facts, wrong
