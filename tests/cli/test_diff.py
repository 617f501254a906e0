from __future__ import annotations

from tests.support.repository import Repository, normalize
from tests.support.stored_objects import remove_object

_WHOLE = """\
first -> second: 2 metrics, 2 params, 4 code files, 3 inputs and outputs differ

metrics
  metric      old    new    change
  accuracy    0.5    0.75   +0.25     better
  loss        1      0.9    -0.1      better

params
  param    old    new
  layers   -      [64,10]
  lr       0.1    0.2

code
  file                       lines
  code.py           changed  +1 -1
  metrics.in        changed  +1 -1
  old.py -> new.py  renamed  +0 -0
  params.yaml       changed  +2 -1

data
  path                   old    new
  data          input    #      #
  data/a.csv    changed  2 B    3 B
  data/b.csv    removed  2 B    -
  data/c.csv    added    -      2 B
  metrics.json  output   #      #
  out.txt       output   #      #
"""


def test_diff_shows_each_part_that_differs(story: Repository) -> None:
    done = story.mlv("diff", "first", "second")
    assert (done.code, done.stderr) == (0, "")
    text = done.stdout
    for run in story.runs():
        found = [each.fingerprint for each in run.outputs]
        for each in (*found, *(i.fingerprint for i in run.inputs if i.fingerprint)):
            text = text.replace(f"{each.digest[:8]} ({each.content_bytes} B)", "#")
    assert [line.split() for line in text.splitlines()] == [
        line.split() for line in _WHOLE.splitlines()
    ]


def test_diff_of_a_run_with_itself_finds_nothing(story: Repository) -> None:
    done = story.mlv("diff", "first", "first", "--exit-code")
    assert (done.code, done.stdout) == (0, "first -> first: no difference\n")


def test_diff_with_the_worktree_finds_what_was_edited(story: Repository) -> None:
    assert story.mlv("diff", "second").stdout == "second -> worktree: no difference\n"
    story.write("params.yaml", "lr: 0.3\nlayers: [64, 10]\n")
    (story.root / "data/c.csv").unlink()
    before = story.git("status", "--porcelain"), story.git("for-each-ref")
    done = story.mlv("diff", "second", "--exit-code")
    assert done.code == 1
    lines = [line.split()[:4] for line in normalize(done.stdout).splitlines() if line]
    assert lines[0] == ["second", "->", "worktree:", "1"]
    assert ["lr", "0.2", "0.3"] in lines
    assert ["data/c.csv", "removed", "2", "B"] in lines
    assert (story.git("status", "--porcelain"), story.git("for-each-ref")) == before


def test_diff_prints_the_patch(story: Repository) -> None:
    text = story.mlv("diff", "first", "second", "--patch").stdout
    assert "-x = 1\n+x = 2\n" in text


def test_diff_in_markdown_has_headings_and_tables(story: Repository) -> None:
    text = story.mlv("diff", "first", "second", "--format", "md").stdout
    assert (
        "### metrics\n\n| metric | old | new | change |  |\n| --- | --- | --- | --- | --- |" in text
    )
    assert "| lr | 0.1 | 0.2 |" in text


def test_diff_as_json(story: Repository) -> None:
    done = story.mlv("diff", "first", "second", "--json", "--exit-code")
    assert done.code == 1
    found = done.json
    assert found["schema"] == "mlv-diff 1"
    assert [(each["name"], each["direction"]) for each in found["metrics"]] == [
        ("accuracy", "better"),
        ("loss", "better"),
    ]
    assert [each["path"] for each in found["code"]] == [
        "code.py",
        "metrics.in",
        "new.py",
        "params.yaml",
    ]


def test_diff_shows_that_the_command_differs(repo: Repository) -> None:
    repo.shell("true", name="first")
    repo.shell("exit 0", name="second")
    assert normalize(repo.mlv("diff", "first", "second").stdout).splitlines()[0] == (
        "first -> second: command differ"
    )


def test_diff_says_when_code_cannot_be_compared(story: Repository) -> None:
    run = story.find("second")
    for bundle in run.code.bundles:
        remove_object(story.root / ".mlv", bundle.digest)
    story.git("update-ref", "-d", f"refs/mlv/runs/{run.id}")
    story.git("gc", "--quiet", "--prune=now")
    text = story.mlv("diff", "first", "second").stdout
    assert "\nnot compared\n  code: " in text


def test_diff_tells_params_of_different_types_apart(repo: Repository) -> None:
    repo.write("params.json", '{"a": 1, "b": "1", "c": true, "d": 1.00000001, "e": "1"}')
    repo.shell("true", name="first")
    repo.write("params.json", '{"a": 1.0, "b": 1, "c": "true", "d": 1.00000002, "e": "2"}')
    repo.shell("true", name="second")
    rows = [line.split() for line in repo.mlv("diff", "first", "second").stdout.splitlines()]
    assert [row for row in rows if row[:1] in (["a"], ["b"], ["c"], ["d"], ["e"])] == [
        ["a", "1", "1.0"],
        ["b", '"1"', "1"],
        ["c", "true", '"true"'],
        ["d", "1.00000001", "1.00000002"],
        ["e", "1", "2"],
    ]
    assert ["a", "1.0", "(params.json)"] in [
        line.split() for line in repo.mlv("show", "second").stdout.splitlines()
    ]
