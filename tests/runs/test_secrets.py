"""Secrets: which names and values are, and that they stand in no file of a run, a sweep or a search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sweepboard.secret_names import names_a_secret
from sweepboard.secrets import is_masked, mask, masked, masked_command, masked_overrides, masked_text
from tests.command import TINY, Command

NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, api_key=None, auth=None, headers=None, pw=None, tokens=None, url=None, note=None):
        super().__init__(nn.Flatten(), nn.LazyLinear(10))
        self.said = str(api_key)
"""


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "model.apiKey",
        "headers.Authorization",
        "auth",
        "pw",
        "tokens",
        "hf_token",
        "AWS_SECRET_ACCESS_KEY",
        "password",
        "wandb_key",
        "clientSecret",
        "db.credentials",
        "proxy_authorization",
        "GITHUB_TOKEN",
        "cookie",
    ],
)
def test_names_of_secrets(key: str) -> None:
    assert names_a_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        "tokenizer",
        "num_tokens",
        "max_tokens",
        "token_dim",
        "password_length",
        "pad_token",
        "special_tokens",
        "author",
        "key",
        "key_dim",
        "monitor",
        "token_drop",
        "mask_token",
        "credentials_file",
        "optimizer.lr",
        "power",
        "bypass",
    ],
)
def test_names_of_the_field(key: str) -> None:
    assert not names_a_secret(key)


@pytest.mark.parametrize(
    "text",
    [
        "postgres://bob:s3cr-T@db/x",
        "https://x.org/?a=1&token=s3cr-T&b=2",
        "Authorization: Bearer s3cr-T",
        "bob:s3cr-T@host",
        "redis://:s3cr-T@cache:1/0",
        "curl --api-key s3cr-T",
        'password: "s3cr-T"',
        "headers={'X-Api-Key': 's3cr-T'}",
        "https://b.blob.net/c?sv=1&sig=s3cr-T",
        "Authorization: Basic s3cr-T",
        "{a:1,pw:s3cr-T}",
    ],
)
def test_secrets_in_text(text: str) -> None:
    assert "s3cr-T" not in masked_text(text)
    assert masked_text(masked_text(text)) == masked_text(text)
    assert (
        masked_text(text).replace(mask("s3cr-T"), "s3cr-T").replace(mask("bob:s3cr-T"), "bob:s3cr-T") or text
    )


@pytest.mark.parametrize(
    "text",
    [
        "image:tag@sha256:abcdef",
        "git@github.com:a/b",
        "https://x.org/?page=2",
        "def f(token: str) -> None",
        "a: b",
        "lr=0.1,0.2",
        "https://user@host/",
        "tokenizer=bert",
        "max_tokens=512",
        "api_key=null",
        "12:30",
    ],
)
def test_text_without_secrets(text: str) -> None:
    assert masked_text(text) == text


def test_values_are_masked_wherever_they_stand() -> None:
    safe = masked(
        {
            "auth": {"user": "bob-1", "list": ["abc-1", 5, True], "_target_": "my.Auth"},
            "token_dim": "x",
            "max_tokens": 7,
            "password": 1234,
            "token": "tok-99",
            "url": "https://h/tok-99/y",
            "note": "of tok-99",
            "other": "tok-999",
        },
    )
    assert safe["auth"] == {"user": mask("bob-1"), "list": [mask("abc-1"), 5, True], "_target_": "my.Auth"}
    assert (safe["token_dim"], safe["max_tokens"], safe["password"]) == ("x", 7, 1234)
    assert safe["url"] == f"https://h/{mask('tok-99')}/y"
    assert safe["note"] == f"of {mask('tok-99')}"
    assert safe["other"] == "tok-999"
    assert is_masked(safe)
    assert masked(safe) == safe
    assert yaml.safe_load(yaml.safe_dump(safe)) == safe


def test_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HF_TOKEN", "hf-from-env")
    assert masked({"path": "x/hf-from-env"}) == {"path": f"x/{mask('hf-from-env')}"}


def test_positional_arguments() -> None:
    node = {"_target_": f"{__name__}.guarded", "_args_": ["host", "bob", "pass-w"]}
    assert masked(node)["_args_"] == ["host", "bob", mask("pass-w")]
    below = {"client": {"items": [node | {"_args_": ["h", "bob"], "password": "pass-w"}]}}
    assert masked(below)["client"]["items"][0]["password"] == mask("pass-w")
    first = {"_target_": f"{__name__}.opened", "_args_": ["tok-17", "tok-17x"]}
    assert masked({"a": [first]})["a"][0]["_args_"] == [mask("tok-17"), "tok-17x"]


def opened(token: str, name: str) -> None:
    """What has a secret as its first argument."""


def guarded(host: str, user: str, password: str) -> None:
    """What positional arguments are given to."""


def test_words_and_commands() -> None:
    assert masked_overrides(["model.api_key=sk-9,sk-8", "lr=0.1"]) == [
        f"model.api_key={mask('sk-9')},{mask('sk-8')}",
        "lr=0.1",
    ]
    assert "b c" not in masked_command("sweepboard 'model.password=a b c' lr=1")


def test_the_hash_is_that_of_this_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = mask("sk-1")
    assert ours == mask("sk-1") != mask("sk-2")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert mask("sk-1") != ours


def files_with(text: str, folder: str) -> list[str]:
    found = [
        path for path in Path(folder).rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    ]
    named = [path for path in Path(folder).rglob("*") if text in str(path)]
    return [str(path) for path in (*found, *named)]


SMALL = (*TINY, "model={_target_: keyed.Net}")


@pytest.fixture
def keyed(command: Command) -> Command:
    Path("keyed.py").write_text(NET)
    return command


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["+model.api_key=sk-Q1"], "model.api_key"),
        (["+model.headers={Authorization: 'Bearer sk-Q1'}"], "model.headers.Authorization"),
        (["+model.tokens=[sk-Q1]"], "model.tokens"),
        (["+model.url='https://bob:sk-Q1@host/x?a=1'"], "model.url"),
        (["+model.pw=sk-Q1", "+model.note='see sk-Q1'"], "model.pw"),
    ],
)
def test_no_file_of_a_run_has_it(keyed: Command, words: list[str], key: str) -> None:
    keyed(*SMALL, *words)
    assert files_with("sk-Q1", "outputs") == []
    run = next(Path("outputs").rglob("run.json")).parent
    for path in run.rglob("*.yaml"):
        assert yaml.safe_load(path.read_text())
    assert keyed("rerun", str(run), code=2).line.startswith(f"sweepboard: {key} was a secret")
    keyed("rerun", str(run), *(word.lstrip("+") for word in words))


@pytest.mark.slow
def test_a_sweep_over_secrets(keyed: Command) -> None:
    keyed("-m", *SMALL, "+model.api_key=sk-QA,sk-QB", "sweep.name=s")
    assert files_with("sk-QA", "outputs") == []
    jobs = json.loads(Path("outputs/sweeps/s/sweep.json").read_text())["jobs"]
    labels = sorted(job["label"] for job in jobs)
    assert labels == sorted(f"model.api_key={mask(value).strip('*')}" for value in ("sk-QA", "sk-QB"))
    assert {row["state"] for row in json.loads(Path("outputs/sweeps/s/results.json").read_text())} == {
        "finished"
    }
    lost = Path("outputs/sweeps/s", labels[0])
    lost.rename("lost")
    assert "was a secret" in keyed("resume", "outputs/sweeps/s", code=2).line
    assert "give all" in keyed("resume", "outputs/sweeps/s", "model.api_key=sk-QA,sk-QC", code=2).line
    keyed("resume", "outputs/sweeps/s", "model.api_key=sk-QA,sk-QB")
    config = [yaml.safe_load((place / "config.yaml").read_text()) for place in (lost, Path("lost"))]
    assert config[0]["model"] == config[1]["model"]
    keyed("-m", *SMALL, "+model.api_key=sk-QA,sk-QB", "sweep.name=s")
    assert files_with("sk-QB", "outputs") == []


@pytest.mark.parametrize(
    ("node", "secret"),
    [
        ("{_target_: keyed.Net,api_key: sk-QD}", "sk-QD"),
        ("{_target_: keyed.Net,pw: 'sk: *QD'}", "sk: *QD"),
        ("{_target_: keyed.Net,headers: {Cookie: sk-QK}}", "sk-QK"),
    ],
)
def test_a_sweep_with_a_secret_that_all_jobs_share(keyed: Command, node: str, secret: str) -> None:
    keyed("-m", *TINY, f"model={node}", "optimizer.lr=0.1,0.01", "sweep.name=t")
    assert files_with(secret, "outputs") == []
    assert Path("outputs/sweeps/t/optimizer.lr=0.1/run.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "secrets", "jobs"),
    [
        (["+model.pw=qq-p1,qq-p2", "optimizer.lr=0.1,0.01"], ["qq-p1", "qq-p2"], 4),
        (["+model.url='https://b:qq-t1@h','https://b:qq-t2@h'"], ["qq-t1", "qq-t2"], 2),
        (["+model.tokens=[qq-a1],[qq-a2]"], ["qq-a1", "qq-a2"], 2),
    ],
)
def test_secrets_of_all_kinds_are_swept(
    keyed: Command, words: list[str], secrets: list[str], jobs: int
) -> None:
    said = keyed("-m", *SMALL, *words, "sweep.name=s")
    assert f"{jobs} finished" in said.out
    for secret in secrets:
        assert secret not in said.out + said.err
        assert files_with(secret, "outputs") == []
    for verb in ("ls", "compare", "check", "report"):
        keyed(verb, "outputs")
    assert [files_with(secret, "outputs") for secret in secrets] == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "again", "secret"),
    [
        (
            "+model.headers={Authorization: 'Bearer sk-QH'}",
            "model.headers.Authorization='Bearer sk-QH'",
            "sk-QH",
        ),
        ("+model.url='https://bob:sk-QI@h/x'", "model.url='https://bob:sk-QI@h/x'", "sk-QI"),
        ("+model.tokens=[sk-QJ]", "model.tokens=[sk-QJ]", "sk-QJ"),
    ],
)
def test_a_search_with_a_secret_of_any_kind(keyed: Command, word: str, again: str, secret: str) -> None:
    words = [word, "hydra/sweeper=optuna", "hydra.sweeper.trials=1", "hydra.sweep.dir=s"]
    said = keyed("-m", *SMALL, *words, "optimizer.lr=interval(0.01,0.1)")
    assert secret not in said.out + said.err
    assert files_with(secret, "s") == []
    key = again.partition("=")[0]
    assert f"{key} was a secret" in keyed("resume", "s", "hydra.sweeper.trials=2", code=2).line
    keyed("resume", "s", "hydra.sweeper.trials=2", again)
    assert files_with(secret, "s") == []
    for path in Path("s").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text())


@pytest.mark.slow
def test_a_search_with_a_secret(keyed: Command) -> None:
    words = (
        *SMALL,
        "+model.api_key=sk-QE",
        "hydra/sweeper=optuna",
        "hydra.sweeper.trials=2",
        "hydra.sweep.dir=s",
    )
    keyed("-m", *words, "optimizer.lr=interval(0.01,0.1)")
    assert files_with("sk-QE", "s") == []
    assert "was a secret" in keyed("resume", "s", "hydra.sweeper.trials=3", code=2).line
    keyed("resume", "s", "hydra.sweeper.trials=3", "model.api_key=sk-QE")
    assert len(list(Path("s").glob("*/run.json"))) == 3
    assert "# a secret, to be typed again: +model.api_key=***" in Path("s/experiment/best.yaml").read_text()
    assert "model.api_key was a secret" in keyed(*SMALL, f"+model.api_key={mask('sk-QE')}", code=2).line
    said = keyed("-m", *SMALL, "hydra/sweeper=optuna", "+model.api_key=choice(sk-QF,sk-QG)", code=2)
    assert "model.api_key: a secret cannot be searched" in said.line
