"""Deployment packages of natively built binaries, for an emulator that runs them on this machine."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

# The sources of whatever is deployed; the command line is not.
PROGRAMS = ["functions/data-import/src/bin", "functions/data-pipeline/src/bin", "functions/order-processing/src/bin", "functions/employee-onboarding/src/bin",
             "functions/user-registration/src/bin",
            "functions/system/src/bin", "tests/aws/src/bin"]
ROOT = Path(__file__).resolve().parent.parent.parent


class Problem(Exception):
    pass


def names():
    return sorted(source.stem for folder in PROGRAMS for source in (ROOT / folder).glob("*.rs"))


def make(programs, zips, say):
    """Puts each program as `bootstrap` into `<zips>/<program>/bootstrap.zip`, stripped, unless it is there and newer."""
    zips.mkdir(parents=True, exist_ok=True)
    made = [name for name in names() if make_one(programs / name, zips / name / "bootstrap.zip")]
    total_mb = sum((zips / name / "bootstrap.zip").stat().st_size for name in names()) / 1e6
    say(f"{len(made)} packages made anew; {len(names())} have {total_mb:.0f} MB")
    return zips


def make_one(program, path):
    if not program.is_file():
        raise Problem(f"{program} was not built")
    if path.exists() and path.stat().st_mtime > program.stat().st_mtime:
        return False
    path.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        bootstrap = Path(folder) / "bootstrap"
        # A binary with its symbols is five times as large. Where there is no strip, it works too.
        if not shutil.which("strip") or subprocess.run(["strip", "-o", bootstrap, program]).returncode:
            shutil.copy(program, bootstrap)
        os.chmod(bootstrap, 0o755)
        part = path.with_suffix(".part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(bootstrap, "bootstrap")
        part.replace(path)
    return True
