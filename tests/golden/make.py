"""Make a golden store: a small project as one version of mlv leaves it, and what is in it.

    python tests/golden/make.py NAME [--mlv DIRECTORY]

writes `tests/golden/NAME/project.tar.xz` and `manifest.json`. The mlv that is run is the
one in DIRECTORY, a checkout of whatever version, by default this one. Each format that was
released has its golden store here, and none is ever made again: tests open them all.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
N_MANY = 4100
_LEFT_OUT = ("data/", "large.bin/", "shared/", "out/", ".git/logs/", ".mlv/cache/stat.sqlite")
SCRIPT = r"""
set -e
mkdir -p out
for _ in $(seq "$1"); do cat in.csv; done > out/model.bin
printf odd > "out/$(printf 'odd \377\nname')"
echo true > out/run.sh
chmod 755 out/run.sh
ln -sf model.bin out/latest
printf '{"accuracy": 0.%s, "loss": NaN}' "$1" > metrics.json
echo done
"""


def main() -> None:
    """Make one golden store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--mlv", type=Path, default=ROOT)
    arguments = parser.parse_args()
    target = ROOT / "tests" / "golden" / arguments.name
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        project = Project(Path(temporary).resolve() / "project", arguments.mlv.resolve())
        manifest = project.fill()
        (target / "project.tar.xz").write_bytes(_pack(project.root))
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=True)
    (target / "manifest.json").write_text(f"{text}\n")


class Project:
    """A repository in which everything is done that leaves something in the store."""

    def __init__(self, root: Path, mlv: Path) -> None:
        self.root = root
        self._mlv = mlv
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(root),
            "PYTHONPATH": str(mlv),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "ada@example.com" for role in ("AUTHOR", "COMMITTER")},
        }

    def fill(self) -> dict[str, object]:
        """Do it, and return what must be found for ever."""
        self.root.mkdir()
        self._git("init", "--quiet", "--initial-branch=main", "--template=")
        self._write("train.sh", SCRIPT)
        self._write("in.csv", "1,2\n")
        self._write(".gitignore", "/out\n/data\n/large.bin\n/shared\n")
        self._call("init")
        self._commit("first")
        knows_data = (self._mlv / "mlv" / "core" / "pointer.py").exists()
        if knows_data:
            self._track()
        for name, times in (("one", "1"), ("two", "2")):
            inputs = ("-i", "data") if knows_data else ()
            files = ("-i", "in.csv", *inputs, "-o", "out")
            self._call("run", "-q", "-n", name, *files, "sh", "train.sh", times)
        self._call("run", "-q", "-n", "hidden", "true")
        self._call("undo")
        self._call("rollback", "--overwrite", "-q", "one")
        self._call("rollback", "--overwrite", "-q", "two")
        tracked = ("data", "large.bin", "shared") if knows_data else ()
        self._git("gc", "--quiet", "--prune=now")
        sys.path.insert(0, str(ROOT))
        from tests.unit.store.document_reader import Store

        store = Store(self.root / ".mlv")
        return {
            "files": {name: describe(self.root / name) for name in ("out", *tracked)},
            "objects": sorted(store.objects()),
            "operations": [[each["id"], each["change"]["kind"]] for each in store.operations()],
            "runs": store.runs(),
        }

    def _track(self) -> None:
        for number in range(N_MANY):
            self._write(f"data/{number:04}", f"{number % 7}\n")
        self._write("large.bin", b"".join(bytes([n % 251]) * 4096 for n in range(800)))
        self._write("shared/one.csv", "1\n2\n3\n")
        self._write("shared/empty.csv", "")
        (self.root / "shared/empty").mkdir()
        self._call("track", "-q", "--link", "copy", "data", "large.bin")
        self._call("track", "-q", "--link", "hardlink", "shared")
        self._commit("data")
        self._write("data/0007", "seven\n")
        self._call("track", "-q")
        self._commit("more data")
        self._call("checkout", "-q", "--rev", "HEAD~1")
        self._call("undo")

    def _call(self, *arguments: str) -> bytes:
        return self._run(sys.executable, "-m", "mlv", *arguments)

    def _git(self, *arguments: str) -> bytes:
        return self._run("git", *arguments)

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def _run(self, *argv: str) -> bytes:
        done = subprocess.run(
            argv, cwd=self.root, env=self._environment, check=True, stdout=subprocess.PIPE
        )
        return done.stdout

    def _write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def describe(top: Path) -> list[object]:
    """Return how many files and links there are, and a hash that no version of mlv computed."""
    hasher = hashlib.sha256()
    paths = [top] if top.is_file() else sorted(top.rglob("*"))
    for path in paths:
        if path.is_symlink():
            kind, content = b"link", os.fsencode(path.readlink())
        elif path.is_dir():
            kind, content = b"dir", b""
        else:
            kind = b"exec" if path.stat().st_mode & 0o100 else b"file"
            content = path.read_bytes()
        name = os.fsencode(path.relative_to(top.parent))
        for field in (kind, name, content):
            hasher.update(len(field).to_bytes(8, "big") + field)
    return [sum(path.is_symlink() or path.is_file() for path in paths), hasher.hexdigest()]


def _pack(root: Path) -> bytes:
    """Return the repository and its store, without what can be brought back from that."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz", preset=9) as archive:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if f"{name}/".startswith(_LEFT_OUT):
                continue
            info = archive.gettarinfo(path, arcname=name)
            if info.islnk():  # a second name of a file of the worktree
                info.type, info.size = tarfile.REGTYPE, path.stat().st_size
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            archive.addfile(info, path.open("rb") if info.isreg() else None)
    return packed.getvalue()


if __name__ == "__main__":
    main()
