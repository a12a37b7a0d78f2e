from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minutia.errors import ModelError
from minutia.zoo import catalog
from minutia.zoo.catalog import DEFAULT_MODEL, find_model, list_models, load_model, user_folder


@pytest.fixture
def own_models(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the tiny model in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    shutil.copytree(tiny_model, user_folder() / "tiny")
    return user_folder()


def test_models_are_found_by_name_folder_and_file(own_models: Path, tiny_model: Path) -> None:
    assert find_model("tiny").model_path == own_models / "tiny" / "model.onnx"
    assert find_model(tiny_model) == find_model(tiny_model / "model.onnx")
    assert find_model(str(tiny_model)).model_path == tiny_model / "model.onnx"
    assert "tiny" in [card.name for card in list_models()]


def test_a_path_is_a_folder_before_it_is_a_name(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, DEFAULT_MODEL)
    assert find_model(Path(DEFAULT_MODEL)).name == find_model(f"./{DEFAULT_MODEL}").name == "tiny"
    assert find_model(DEFAULT_MODEL).name == DEFAULT_MODEL
    shutil.rmtree(DEFAULT_MODEL)
    Path(DEFAULT_MODEL).mkdir()  # As of a run.
    assert find_model(Path(DEFAULT_MODEL)).name == DEFAULT_MODEL


def test_a_users_model_stands_in_for_a_bundled_one(own_models: Path) -> None:
    shutil.copytree(find_model("minutia-x2-photo").model_path.parent, own_models / DEFAULT_MODEL)
    card = own_models / DEFAULT_MODEL / "card.toml"
    text = card.read_text(encoding="utf-8").replace('name = "minutia-x2-photo"', f'name = "{DEFAULT_MODEL}"')
    card.write_text(text.replace("scale = 2", "scale = 4"), encoding="utf-8")
    assert find_model().model_path == find_model(scale=4).model_path == card.with_name("model.onnx")
    assert [each.name for each in list_models()].count(DEFAULT_MODEL) == 1


def test_the_default_is_bundled() -> None:
    assert find_model().name == DEFAULT_MODEL
    assert find_model(scale=4).name == DEFAULT_MODEL
    assert find_model(scale=2).name == "minutia-x2-photo"


def test_unknown_names_bring_near_ones(own_models: Path) -> None:
    with pytest.raises(ModelError, match="no model or model folder called tinny; did you mean tiny"):
        find_model("tinny")
    with pytest.raises(ModelError, match=r"called minuta-x4; did you mean .*minutia-x4"):
        find_model("minuta-x4")


def test_a_broken_card_does_not_hide_the_other_models(own_models: Path, caplog: pytest.LogCaptureFixture) -> None:
    (own_models / "broken").mkdir()
    (own_models / "broken" / "card.toml").write_text("scale =", encoding="utf-8")
    assert {"tiny", DEFAULT_MODEL} <= {card.name for card in list_models()}
    assert f"{Path('broken') / 'card.toml'} is not valid TOML" in caplog.text
    (own_models / "tiny" / "model.onnx").unlink()
    assert "tiny" not in {card.name for card in list_models()}
    assert "The model tiny has no" in caplog.text


def test_a_catalogue_without_models_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "BUNDLED", tmp_path / "none")
    monkeypatch.setattr(catalog, "user_folder", lambda: tmp_path / "none")
    assert list_models() == []
    with pytest.raises(ModelError, match=f"called {DEFAULT_MODEL}, and no models are installed; give a model folder"):
        find_model()
    with pytest.raises(ModelError, match="No model enlarges 2 times; available are none"):
        find_model(scale=2)


def test_scales_that_are_not_offered(own_models: Path) -> None:
    with pytest.raises(ModelError, match="tiny enlarges 4 times, not 2 times"):
        find_model("tiny", scale=2)
    with pytest.raises(ModelError, match="No model enlarges 5 times; available are 2, 4"):
        find_model(scale=5)


def test_a_bare_onnx_file_is_told_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"must be called model\.onnx"):
        find_model(tmp_path / "other.onnx")
    (tmp_path / "other.pth").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is not a model folder; .*: minutia export .*other\.pth FOLDER\.$"):
        find_model(tmp_path / "other.pth")


def test_damaged_and_missing_files_are_noticed(own_models: Path) -> None:
    card = find_model("tiny")
    load_model(card)
    data = bytearray(card.model_path.read_bytes())
    data[1000] ^= 1
    card.model_path.write_bytes(data)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_model(card)
    card.model_path.unlink()
    with pytest.raises(ModelError, match="no readable"):
        load_model(card)


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.name)
def test_bundled_models_are_whole(card) -> None:
    load_model(card)
    assert card.figures
    assert b"stack_trace" not in card.model_path.read_bytes()  # The exporter notes paths of its machine there.
    assert card.model_path.parent.name == card.name
