"""Every command block of the documentation is executed, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.docs.console import execute_steps, find_problems, read_steps

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = ROOT / "docs/tutorials/first-run.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LATER_PAGES = [page for page in PAGES if page != TUTORIAL and "```console" in page.read_text()]

_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who follows the pages.

    Attributes:
        checkout: Where the tutorial begins: a directory with the examples in it.
        project: What the tutorial makes, beside it.
        variables: The environment after the virtual environment was activated.
    """

    checkout: Path
    project: Path
    variables: Mapping[str, str]

    def follow(self, page: Path, directory: Path) -> list[str]:
        """Type the commands of a page; return where it is wrong."""
        steps = read_steps(page.read_text())
        assert len(steps) > 0
        return find_problems(
            steps, execute_steps(steps, directory=directory, variables=self.variables)
        )


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return somebody who has a checkout and a home directory."""
    top = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", top / "mlv" / "examples")
    home = top / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Reader\nemail = reader@example.com\n")
    return Reader(
        checkout=top / "mlv",
        project=top / "digits",
        variables={
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_NOSYSTEM": "1",
            "COLUMNS": "100",
        },
    )


@pytest.fixture(scope="module")
def problems_of_the_tutorial(reader: Reader) -> list[str]:
    """Follow the tutorial once."""
    return reader.follow(TUTORIAL, reader.checkout)


def test_tutorial_is_true(problems_of_the_tutorial: list[str]) -> None:
    assert problems_of_the_tutorial == []


@pytest.mark.parametrize("page", LATER_PAGES, ids=_name)
def test_page_is_true_after_the_tutorial(
    page: Path, reader: Reader, problems_of_the_tutorial: list[str], tmp_path: Path
) -> None:
    project = tmp_path / "digits"
    shutil.copytree(reader.project, project, symlinks=True)
    assert reader.follow(page, project) == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_link_leads_to_a_file(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("target", ["demo", "test"])
def test_readme_command_is_a_target_of_the_makefile(target: str) -> None:
    assert f"\nmake {target} " in (ROOT / "README.md").read_text()
    plan = ["make", "--dry-run", target]
    assert subprocess.run(plan, cwd=ROOT, capture_output=True, check=False).returncode == 0
