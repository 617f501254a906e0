"""The reference names everything that there is: commands, options, exit codes, public names."""

from __future__ import annotations

import re
from pathlib import Path

import mlv
from mlv import errors

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"

_CITATION = re.compile(r'Source: (docs/\S+\.md)(?:, "([^"]+)")?')


def test_every_exit_code_of_an_error_is_documented() -> None:
    documented = set(re.findall(r"^\| (\d+) \|", _page("exit-codes.md"), re.MULTILINE))
    raised = {
        str(value.exit_code)
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.MlvError)
    }
    assert raised - documented == set()


def test_every_public_name_is_documented() -> None:
    documented = set(re.findall(r"`(?:mlv\.)?(\w+)", _page("python-api.md")))
    assert set(mlv.__all__) - documented == set()


def test_every_cited_section_exists() -> None:
    cited = {
        citation
        for module in (ROOT / "mlv").rglob("*.py")
        for citation in _CITATION.findall(module.read_text())
    }
    assert sorted(citation for citation in cited if not _exists(*citation)) == []


def _exists(page: str, section: str) -> bool:
    path = ROOT / page
    if not path.exists():
        return False
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return not section or section in headings


def _page(name: str) -> str:
    return (REFERENCE / name).read_text()
