"""data.transforms is an ordered mapping: bases merge by key, null switches off, a saved one says all."""

import pytest

from cornernet import config
from cornernet.checkpoints import load
from cornernet.config import Config, from_container, to_dict
from cornernet.config.transforms import switched_on, whole_images

DEFAULT = ["crop", "flip", "colour", "lighting"]


@pytest.fixture
def loaded(tmp_path):
    """Text of a file, text of its base -> data.transforms."""

    def load(text, base=None, overrides=()):
        (tmp_path / "base.yaml").write_text(f"data: {{transforms: {base}}}" if base else "{}")
        (tmp_path / "mine.yaml").write_text("base: base.yaml\n" + (f"data: {{transforms: {text}}}" if text else ""))
        return config.load(tmp_path / "mine.yaml", overrides).data.transforms

    return load


def test_a_key_keeps_its_place_and_a_new_one_goes_to_the_end(loaded):
    found = loaded("{lighting: null, blur: {sigma: 1}, flip: {vertical: 0.5}}")
    assert list(found) == [*DEFAULT, "blur"] and found["lighting"] is None
    assert found["flip"] == {"p": 0.5, "vertical": 0.5} and list(switched_on(found)) == [*DEFAULT[:3], "blur"]


def test_bases_merge_by_key(loaded):
    found = loaded("{flip: {p: 0.2}, blur: {sigma: 2}}", "{blur: {sigma: 1, side: 3}, flip: {vertical: 0.5}}")
    assert found["blur"] == {"sigma": 2, "side": 3} and found["flip"] == {"p": 0.2, "vertical": 0.5}
    assert list(found) == [*DEFAULT, "blur"]


def test_who_names_all_sets_the_order(loaded):
    assert list(loaded("{mix: {}, lighting: {}, flip: {}, crop: {border: 3}, colour: {}}")) == [
        "mix", "lighting", "flip", "crop", "colour",
    ]  # fmt: skip
    found = loaded("{flip2: {name: flip}}", "{lighting: {}, flip: {}, crop: {border: 3}, colour: {}}")
    assert list(found) == ["lighting", "flip", "crop", "colour", "flip2"] and len(found["crop"]["scales"]) == 8


def test_what_was_switched_off_comes_back_with_new_arguments(loaded):
    assert loaded("{flip: {vertical: 1}}", "{flip: null}")["flip"] == {"vertical": 1}
    assert loaded("", "{flip: null}", ["data.transforms.flip.p=0.1"])["flip"] == {"p": 0.1}


def test_an_empty_mapping_is_no_way_to_switch_all_off(loaded, tiny):
    words = r"changes nothing, since keys merge; to switch all off: \{crop: null, "
    with pytest.raises(ValueError, match=words):
        loaded("{}")
    with pytest.raises(ValueError, match=words):
        config.load(tiny, ["data.transforms={}"])


def test_overrides(loaded):
    found = loaded("", None, ["data.transforms.flip.p=0", "data.transforms.crop=null", "data.transforms.fit={}"])
    assert found["flip"] == {"p": 0} and found["crop"] is None and list(found) == [*DEFAULT, "fit"]
    assert list(switched_on(found)) == ["flip", "colour", "lighting", "fit"] and whole_images(found)


def test_arguments_belong_to_the_transform_they_were_written_for(loaded):
    words = ["data.transforms.flip.name=colour"]
    assert loaded("", None, words)["flip"] == {"name": "colour"} == loaded("{flip: {name: colour}}")["flip"]
    assert loaded("{flip: {name: flip, vertical: 1}}")["flip"] == {"p": 0.5, "name": "flip", "vertical": 1}


def test_a_saved_config_says_all(tmp_path):
    given = config.override(Config(), ["data.transforms={mix: {}, flip: {}, crop: {}, colour: null, lighting: {}}"])
    config.save(given, tmp_path / "config.yaml")
    for found in (config.load(tmp_path / "config.yaml"), from_container(to_dict(given))):
        assert list(found.data.transforms.items()) == list(given.data.transforms.items())
    fewer = to_dict(given)
    del fewer["data"]["transforms"]["lighting"]
    assert list(from_container(fewer).data.transforms) == ["mix", "flip", "crop", "colour"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{flip: 0.3}", r"data\.transforms\.flip must hold arguments, such as \{\}, or be null, got 0\.3"),
        ("{os.system: {}}", r"a key of data\.transforms must be a word, .* got 'os\.system'"),
    ],
)
def test_what_is_no_use_of_a_transform_is_a_sentence(loaded, text, message):
    with pytest.raises(ValueError, match=message):
        switched_on(loaded(text))


@pytest.mark.parametrize("text", ["null", "3", "[1]", "{1: {}}"])
def test_what_is_no_mapping_is_a_sentence(loaded, text):
    with pytest.raises(ValueError, match=r"data\.transforms"):
        loaded(text)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ({"crop": {"border": 1001}}, r"data\.transforms\.crop\.border=1001, at most 1000"),
        ({"mosaic": {"inner": {"count": -2000}}}, r"data\.transforms\.mosaic\.inner\.count=-2000, at most 1000"),
        ({"mine": {"a": [[1, {"b": [9, 1e9]}]]}}, r"data\.transforms\.mine\.a=\[1, 9, 1000000000\.0\], at most 1000"),
        ({"crop": {"scales": [1.0] * 65}}, r"data\.transforms\.crop\.scales=.*, and 64 numbers"),
        ({f"flip{i}": {"name": "flip"} for i in range(65)}, r"the number of data\.transforms=65, at most 64"),
        ({"crop": {"border": float("nan")}}, r"border=nan, at most 1000"),
    ],
)
def test_a_config_inside_a_file_may_not_ask_for_too_much(transforms, message):
    values = to_dict(Config())
    values["data"]["transforms"] = transforms
    with pytest.raises(ValueError, match=message):
        load.from_file(values, "x.pt")
    values["data"]["transforms"] = {"crop": {"border": 1000}, "mine": {"name": "a", "text": "b" * 99}}
    load.from_file(values, "x.pt")


@pytest.mark.parametrize("words", [("q.p=1", "q.name=flip"), ("q.name=flip", "q.p=1")])
def test_the_arguments_of_a_second_use_do_not_depend_on_the_order_of_typing(tiny, words):
    typed = ["data.transforms.own.p=0", *(f"data.transforms.{word}" for word in words), "data.transforms.q.name=flip"]
    held = config.load(tiny, typed).data.transforms
    assert held["q"] == {"name": "flip", "p": 1} and list(held)[-2:] == ["own", "q"]
    assert config.load(tiny, [*typed, "data.transforms.q.name=fit"]).data.transforms["q"] == {"name": "fit", "p": 1}
    anew = config.load(tiny, [*typed, "data.transforms.q=null", "data.transforms.q.name=crop"]).data.transforms
    assert anew["q"] == {"name": "crop"}
