"""Every command block of the documentation is executed, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.console import execute_steps, find_problems, read_steps

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = ROOT / "docs/tutorials/first-run.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LATER_PAGES = [page for page in PAGES if page != TUTORIAL and "```console" in page.read_text()]

_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Where the tutorial begins: a directory with the examples in it."""
    checkout = tmp_path / "mlv"
    shutil.copytree(ROOT / "examples", checkout / "examples")
    return checkout


@pytest.fixture
def variables(tmp_path: Path) -> Mapping[str, str]:
    """The environment of a reader who activated the virtual environment."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Reader\nemail = reader@example.com\n")
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_NOSYSTEM": "1",
        "COLUMNS": "100",
    }


def test_tutorial_is_true(checkout: Path, variables: Mapping[str, str]) -> None:
    steps = read_steps(TUTORIAL.read_text())
    assert len(steps) > 0
    outcomes = execute_steps(steps, directory=checkout, variables=variables)
    assert find_problems(steps, outcomes) == []


@pytest.mark.parametrize("page", LATER_PAGES, ids=_name)
def test_page_is_true_after_the_tutorial(
    page: Path, checkout: Path, variables: Mapping[str, str]
) -> None:
    steps = read_steps(TUTORIAL.read_text()) + read_steps(page.read_text())
    outcomes = execute_steps(steps, directory=checkout, variables=variables)
    assert find_problems(steps, outcomes) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_link_leads_to_a_file(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("target", ["demo", "test"])
def test_readme_command_is_a_target_of_the_makefile(target: str) -> None:
    assert f"\nmake {target} " in (ROOT / "README.md").read_text()
    plan = ["make", "--dry-run", target]
    assert subprocess.run(plan, cwd=ROOT, capture_output=True, check=False).returncode == 0
