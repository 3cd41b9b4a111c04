"""
The releases and the working copy that turns from one into the other.

The releases are ordinary wheels and come through pip; a cache keeps them for when there is no network.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE, OLD, NEW = "click", "8.1.8", "8.2.0"
HOST = Path(__file__).with_name("host.py")

# SHA-256 of each release's wheel, as the package's authors published it.
DIGESTS = {
    OLD: "63c132bbbed01578a06712a2d1f497bb62d9c1c0d329b7903a866228027263b2",
    NEW: "6b303f0b2aa85f1cb4e5303078fadcbcd4e476f114fab9b5007005711839325c",
}


class Files:
    """
    The files that the program imports: one of the releases, and the program itself.

    Attributes:
        folder: Where both releases lie, each in a folder of its own.
        site: The working copy, to be put on ``sys.path``.
    """

    def __init__(self, folder):
        self.folder = folder
        self.site = folder / "site"
        for release in (OLD, NEW):
            bring(release, folder / release)

    def become(self, release):
        """Put a release's files, whole and unspoilt, in the place of those that are there."""
        shutil.rmtree(self.site, ignore_errors=True)
        shutil.copytree(self.folder / release, self.site)
        shutil.copy(HOST, self.site)

    def append(self, path, statement):
        """Append a statement to a file of the working copy; returns its line."""
        source = path.read_text(encoding="utf-8")
        path.write_text(f"{source}{statement}\n", encoding="utf-8")
        return source.count("\n") + 1


def bring(release, folder):
    """Install a release into *folder*; where it is neither cached nor to be had, exit with a sentence."""
    wheel = cache() / f"{PACKAGE}-{release}-py3-none-any.whl"
    if not is_whole(wheel, release):
        wheel.unlink(missing_ok=True)
        download(release, wheel)
    problem = pip("install", "--no-index", "--no-deps", "--no-compile", "--target", folder, wheel)
    if problem:
        sys.exit(f"demo: pip could not install {wheel}: {problem}")


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modreg-demo"


def is_whole(wheel, release):
    return wheel.is_file() and hashlib.sha256(wheel.read_bytes()).hexdigest() == DIGESTS[release]


def download(release, wheel):
    wanted = f"{PACKAGE}=={release}"
    problem = pip("download", "--no-deps", "--only-binary", ":all:", "--dest", wheel.parent, wanted)
    if problem or not is_whole(wheel, release):
        sys.exit(
            f"demo: {wanted} is not in {wheel.parent} and pip could not bring it "
            f"({problem or 'what came is not the wheel that its authors published'}); "
            "run this once with a network, then it works without"
        )


def pip(*words):
    """Run pip; returns the last line of what it complained about, or nothing if it succeeded."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else ""
