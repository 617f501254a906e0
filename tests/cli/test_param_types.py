from __future__ import annotations

import json
import math

from tests.support.repository import Repository

_YAML = """\
int: 3
float: 1.0
text: "1"
flag: true
none: null
big: 123456789012345678901234567890
minus: -0.0
huge: 1e400
exponent: 1e-3
day: 2024-01-02
moment: 2024-01-02T03:04:05Z
ünï: ["ä", 1, 1.0, false, {deep: [null]}]
"a.b": 1
base: &b {lr: 0.1}
run: {<<: *b, wd: 0}
"""
_VALUES = {
    "int": 3,
    "float": 1.0,
    "text": "1",
    "flag": True,
    "none": None,
    "big": 123456789012345678901234567890,
    "minus": -0.0,
    "huge": "inf",
    "exponent": 0.001,
    "day": "2024-01-02",
    "moment": "2024-01-02T03:04:05+00:00",
    "ünï": ["ä", 1, 1.0, False, {"deep": [None]}],
    "a.b": 1,
    "base": {"lr": 0.1},
    "run": {"lr": 0.1, "wd": 0},
}


def _exact(value: object) -> str:
    """Return text that differs when a type or a sign does."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def test_values_keep_their_types_through_store_and_show(repo: Repository) -> None:
    repo.write("params.yaml", _YAML)
    argv = ("--i=3", "--f=1.0", "--t", "007", "--j", '{"a": [1, 1.0]}', "--z=-0.0", "--inf=1e400")

    repo.mlv("run", "-q", "echo", *argv)

    file, command = repo.mlv("show", "last", "--json").json["run"]["params"]
    assert _exact(file["values"]) == _exact(_VALUES)
    assert _exact(command["values"]) == _exact(
        {"i": 3, "f": 1.0, "t": "007", "j": {"a": [1, 1.0]}, "z": -0.0, "inf": "inf"}
    )
    assert math.copysign(1, file["values"]["minus"]) == -1


def test_diff_tells_types_apart(repo: Repository) -> None:
    repo.write("params.yaml", "a: 1\nb: true\nc: 1\nd: 0.1\nbig: 123456789012345678901234567890\n")
    repo.mlv("run", "-q", "true")
    repo.write("params.yaml", "a: 1.0\nb: 1\nc: '1'\nd: 0.1\nbig: 123456789012345678901234567891\n")
    repo.mlv("run", "-q", "true")

    changes = repo.mlv("diff", "last~1", "last", "--json").json["params"]

    found = {change["name"]: (change["old"], change["new"]) for change in changes}
    assert _exact(found) == _exact(
        {
            "a": (1, 1.0),
            "b": (True, 1),
            "c": (1, "1"),
            "big": (123456789012345678901234567890, 123456789012345678901234567891),
        }
    )


def test_files_with_equal_keys_are_kept_apart(repo: Repository) -> None:
    repo.write("a.toml", "lr = 1\n[x]\ny = 2\nz = 3\n")
    repo.write("b.json", '{"lr": 2}')

    repo.mlv("run", "-q", "-p", "a.toml:lr,x.y", "-p", "b.json", "true")

    sources = {source.name: source.values for source in repo.find("last").params}
    assert sources == {"a.toml": {"lr": 1, "x": {"y": 2}}, "b.json": {"lr": 2}}


def test_params_that_cannot_be_read_are_told(repo: Repository) -> None:
    repo.write("conf/a.yaml", "train: {lr: 1}\n")
    repo.write("a.ini", "x = 1")
    messages = {
        ("-p", "conf"): "error: 'conf' is a directory, and params are in files\n"
        "hint: name the file, such as conf/params.yaml\n",
        ("-p", "a.ini"): "error: a.ini: '.ini' is neither YAML, JSON nor TOML\n"
        "hint: name the file .yaml, .json or .toml\n",
        ("-p", "conf/a.yaml:train.rl"): "error: params file 'conf/a.yaml' has no key 'train.rl'\n"
        "hint: did you mean 'train.lr'?\n",
    }

    for options, message in messages.items():
        assert repo.mlv("run", *options, "true").error == (125, message)


def test_ten_thousand_params_are_kept(repo: Repository) -> None:
    repo.write("params.yaml", "".join(f"layer{n}: {{lr: 0.{n}}}\n" for n in range(10_000)))

    repo.mlv("run", "-q", "true")

    (source,) = repo.find("last").params
    assert len(source.values) == 10_000
    assert source.values["layer77"] == {"lr": 0.77}
