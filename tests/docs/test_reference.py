"""The reference names everything that there is: commands, options, exit codes, public names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
import typer.main
from typer._click import Command, Context
from typer.core import TyperGroup, TyperOption

import mlv
from benchmarks.report import Report
from mlv import errors
from mlv.cli.main import app
from mlv.core.settings import Local, MetricSetting, Project, Strict, ToleranceSetting
from mlv.core.verdict import EXIT_CODES

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference"

_CITATION = re.compile(r'Source: (docs/\S+\.md)(?:, "([^"]+)")?')


_OWN_VARIABLE = re.compile(r'"(MLV_[A-Z_]+)"')


def _commands(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    context = Context(command)
    for name in command.list_commands(context):
        each = command.get_command(context, name)
        assert each is not None
        yield from _commands(each, f"{path} {name}")


COMMANDS = dict(_commands(typer.main.get_command(app), "mlv"))


def test_every_command_is_documented() -> None:
    assert [title for title in _sections("cli.md") if title.startswith("mlv ")] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    cells = re.findall(r"^\| (`-.*?) \| ", _sections("cli.md")[name], re.MULTILINE)
    documented = {word for cell in cells for word in re.findall(r"`(-[\w-]+)", cell)}
    assert documented == _options(COMMANDS[name]) - {"--help", "-h"}


def test_every_global_option_is_documented() -> None:
    introduction = _page("cli.md").partition("\n## ")[0]
    documented = set(re.findall(r"`(-[\w-]+)", introduction))
    assert _options(typer.main.get_command(app)) - documented == set()


def test_every_verdict_is_documented() -> None:
    page = (ROOT / "docs" / "explanation" / "reproducing.md").read_text()
    rows = re.findall(r"^\| ([\w-]+) \| .* \| (\d+) \|$", page, re.MULTILINE)
    assert {verdict: int(code) for verdict, code in rows} == EXIT_CODES


@pytest.mark.parametrize(
    ("prefix", "part"),
    [
        ("", Project),
        ("metrics.NAME.", MetricSetting),
        ("metrics.NAME.tolerance.", ToleranceSetting),
        ("", Local),
    ],
)
def test_every_key_of_a_configuration_file_is_documented(prefix: str, part: type[Strict]) -> None:
    documented = set(re.findall(r"^\| `([\w.]+)` \|", _page("configuration.md"), re.MULTILINE))
    keys = {prefix + field.encode_name for field in msgspec.structs.fields(part)}
    assert keys - documented == set()


def test_every_variable_is_documented() -> None:
    modules = (ROOT / "mlv").rglob("*.py")
    used = {name for module in modules for name in _OWN_VARIABLE.findall(module.read_text())}
    assert used - set(re.findall(r"`(MLV_\w+)`", _page("configuration.md"))) == set()


def test_benchmarks_are_those_that_were_saved() -> None:
    newest = max((ROOT / "benchmarks" / "results").glob("*.json"))
    report = msgspec.json.decode(newest.read_bytes(), type=Report)
    page = _page("benchmarks.md").partition("## Recording a training")[0]
    shown = re.findall(r"^\| (.+?) \| ([\d.]+) ms \|", page, re.MULTILINE)
    saved = [timing for comparison in report.comparisons for timing in comparison.timings]
    assert [name for name, _ in shown] == [timing.name for timing in saved]
    assert [float(median) for _, median in shown] == pytest.approx(
        [timing.median_s * 1000 for timing in saved], abs=0.5
    )


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


def _options(command: Command) -> set[str]:
    options = [param for param in command.params if isinstance(param, TyperOption)]
    return {text for option in options for text in (*option.opts, *option.secondary_opts)}


def _sections(name: str) -> Mapping[str, str]:
    parts = re.split(r"^## (.+)$", _page(name), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _page(name: str) -> str:
    return (REFERENCE / name).read_text()
