"""`rag.toml` and `rag config`: what holds, and where it is from."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from rag.settings import SettingError, Settings
from tests.conftest import assert_one_line_error, rag


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for setting in fields(Settings):
        monkeypatch.delenv(f"RAG_{setting.name.upper()}", raising=False)
    return tmp_path


def test_flag_over_variable_over_file_over_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "rag.toml").write_text("k = 3\nport = 8000\nthreshold = 1\nkeep_unsupported = true\n")
    monkeypatch.setenv("RAG_K", "5")
    monkeypatch.setenv("RAG_PORT", "9000")
    settings = Settings.from_environment(k=7)
    assert (settings.k, settings.port, settings.threshold, settings.chunk_size) == (7, 9000, 1.0, 200)
    assert settings.keep_unsupported is True
    assert isinstance(settings.threshold, float)


def test_a_file_elsewhere_says_where_its_index_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "etc").mkdir()
    (home / "etc" / "mine.toml").write_text('index = "notes/.rag"\n')
    (home / "rag.toml").write_text("k = 3\n")
    monkeypatch.setenv("RAG_CONFIG", "etc/mine.toml")
    assert Settings.from_environment() == Settings(index=Path("etc/notes/.rag"))
    monkeypatch.setenv("RAG_CONFIG", "none.toml")
    with pytest.raises(SettingError, match=r"cannot read none\.toml: no such file"):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('treshold = "sk-1"', "rag.toml: there is no setting 'treshold'; the nearest is threshold (`rag config`"),
        ('openai_api_key = "sk-1"', "there is no setting 'openai_api_key'; the nearest is "),
        ("[model]\nname = 'sk-1'", "rag.toml: model must be a text in"),
        ('k = "sk-1"', "k must be a whole number"),
        ("k = true", "k must be a whole number"),
        ("k = 8.5", "k must be a whole number"),
        ("threshold = 'sk-1'", "threshold must be a number"),
        ("keep_unsupported = 1", "keep_unsupported must be true or false"),
        ("index = 1", "index must be a text"),
        ("k = ", "rag.toml is not TOML: Invalid value (at "),
        ("k = 99", "k is 99, it must be from 1 to 50"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_without_its_value(home: Path, text: str, says: str) -> None:
    (home / "rag.toml").write_text(text)
    with pytest.raises(SettingError) as error:
        Settings.from_environment()
    assert says in str(error.value)
    assert "sk-1" not in str(error.value)


def test_an_argument_that_is_no_setting_is_refused(home: Path) -> None:
    with pytest.raises(SettingError, match="there is no setting 'thresh_old'; the nearest is threshold"):
        Settings.from_environment(thresh_old=1)


def test_every_value_is_printed_with_its_origin_and_no_secret(home: Path) -> None:
    (home / "rag.toml").write_text('port = 8000\nmodel_url = "https://me:hush@models.example/v1"\n')
    secrets = {"OPENAI_API_KEY": "sk-hush", "RAG_HOST": "::1", "RAG_CONFIG": "rag.toml"}
    secrets["RAG_DATABASE"] = "postgresql://me:hush@db.example/rag?sslmode=verify-full&password=hush"
    done = rag("config", "-k", "7", "--json", cwd=home, **secrets)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["settings"].keys() == {field.name for field in fields(Settings) if not field.metadata}
    assert found["settings"]["k"] == {"value": 7, "from": "flag"}
    assert found["settings"]["host"] == {"value": "::1", "from": "RAG_HOST"}
    assert found["settings"]["port"] == {"value": 8000, "from": "rag.toml"}
    assert found["settings"]["chunk_size"] == {"value": 200, "from": "default"}
    database = "postgresql://me@db.example/rag?sslmode=verify-full"
    assert found["settings"]["database"] == {"value": database, "from": "RAG_DATABASE"}
    assert found["keys"]["OPENAI_API_KEY"] is True
    assert "hush" not in done.stdout
    assert "hush" not in rag("config", cwd=home, **secrets).stdout
    assert_one_line_error(rag("config", "-k", "70", cwd=home, **secrets), 1, "k is 70, it must be from 1 to 50")


@pytest.mark.parametrize(
    ("name", "value"), [("model_url", "https://models.example/v1"), ("database", "postgresql://me@db.example/rag")]
)
def test_a_folder_cannot_say_where_passages_and_a_key_are_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (home / "rag.toml").write_text(f'{name} = "{value}"\n')
    with pytest.raises(SettingError, match=f"{name} counts only in a file that RAG_CONFIG names"):
        Settings.from_environment()
    monkeypatch.setenv("RAG_CONFIG", "rag.toml")
    assert getattr(Settings.from_environment(), name) == value


@pytest.mark.parametrize("place", ["s3://bucket/notes", "/data/notes.lance"])
def test_an_index_may_be_a_table_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table = Settings(index=Path(".rag"), table=place)
    assert Settings.from_environment(index=place) == table
    (tmp_path / "rag.toml").write_text(f'index = "{place}"\n')
    assert Settings.from_environment() == table
    monkeypatch.setenv("RAG_INDEX", "other/.rag")
    assert Settings.from_environment() == Settings(index=Path("other/.rag"))
    monkeypatch.setenv("RAG_INDEX", place)
    assert Settings.from_environment().place == place
