"""Schema, inheritance, overrides and the sentences about what is wrong with them."""

import dataclasses
import subprocess
import sys

import pytest

from cornernet import config
from cornernet.cli import help


@pytest.fixture
def write(tmp_path):
    """YAML text -> path of a file with it."""

    def write(text, name="run.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_an_empty_file_gives_the_defaults(write):
    assert config.load(write("")) == config.Config()


def test_values_arrive_as_plain_types(write):
    text = "seed: 5\ntrain: {lr: 1e-4, milestones: [1, 2], ema: null}\ndata: {input_size: [64, 128]}\n"
    got = config.load(write(text))
    assert (got.seed, got.train.lr, got.train.milestones, got.train.ema) == (5, 1e-4, [1, 2], None)
    assert got.data.input_size == (64, 128) and type(got.train) is config.Train and type(got.train.milestones) is list


def test_base_by_name_is_relative_to_its_file(write):
    write("seed: 1\ntrain: {steps: 10, lr: 0.5}", "bases/low.yaml")
    write("base: low.yaml\ntrain: {steps: 20}", "bases/middle.yaml")
    got = config.load(write("base: bases/middle.yaml\nseed: 3"))
    assert (got.seed, got.train.steps, got.train.lr) == (3, 20, 0.5)


def test_of_several_bases_the_last_wins(write):
    write("seed: 1\ntrain: {steps: 10}", "a.yaml")
    write("seed: 2", "b.yaml")
    got = config.load(write("base: [a.yaml, b.yaml]"))
    assert (got.seed, got.train.steps) == (2, 10)


def test_one_base_may_be_reached_in_two_ways(write):
    write("seed: 7", "root.yaml")
    write("base: root.yaml", "a.yaml")
    write("base: root.yaml", "b.yaml")
    assert config.load(write("base: [a.yaml, b.yaml]")).seed == 7


def test_a_circle_is_named(write):
    write("base: b.yaml", "a.yaml")
    with pytest.raises(ValueError, match=r"circle: b\.yaml -> a\.yaml -> b\.yaml"):
        config.load(write("base: a.yaml", "b.yaml"))


def test_a_missing_base_is_named_with_who_asked_for_it(write):
    with pytest.raises(FileNotFoundError, match=r"no config file .*nowhere\.yaml, the base of run\.yaml"):
        config.load(write("base: nowhere.yaml"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config file .*none\.yaml; shipped by name are "):
        config.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: 5", "base must be a file name or a list of them, got 5"),
        ("base: [a.yaml, 5]", "base must be a file name or a list"),
        ("- 1\n- 2", "must hold keys and values, got a list"),
        ("hello", r"unknown key hello; --help"),
        ("a: [1, 2", "not readable as YAML"),
        ("\tseed: 1", "not readable as YAML"),
        ("seed: 1\nseed: 2", "not readable as YAML"),
        ("seeds: 1", r"run\.yaml: unknown key seeds; did you mean seed\?"),
        ("train: {lrr: 1}", r"unknown key train\.lrr; did you mean train\.lr\?"),
        ("train: {steps: many}", r"train\.steps must be a whole number, got many"),
        ("train: 5", r"train takes no value of its own, it holds keys such as train\.steps"),
        ("loss: 5", r"loss takes no value of its own"),
        ("loss: {grouping: null}", r"loss\.grouping takes no value of its own"),
        ("seed: null", "seed may not be null"),
        ("seed: ${nowhere}", "seed: .*nowhere"),
        ("data: {input_size: [64]}", r"data\.input_size must have 2 values, got 1"),
        ("data: {input_size: 64}", r"data\.input_size must be a list"),
        ("train: {optimizer: lamb}", r"train\.optimizer must be one of adam, adamw, sgd, got lamb"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        config.load(write(text))
    assert "\n" not in str(caught.value)


def test_a_binary_file_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="not readable as YAML"):
        config.load(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("train.lr=1e-4", "train", "lr", 1e-4),
        ("train.steps=1_000", "train", "steps", 1000),
        ("train.ema=null", "train", "ema", None),
        ("train.ema=0.9", "train", "ema", 0.9),
        ("train.compile=true", "train", "compile", True),
        ("train.milestones=[3,4]", "train", "milestones", [3, 4]),
        ("data.input_size=[64,96]", "data", "input_size", (64, 96)),
        ("data.root=a=b", "data", "root", "a=b"),
        ("data.root=''", "data", "root", ""),
        ("data.root=@x", "data", "root", "@x"),
        ("data.root=007", "data", "root", "007"),
        ("data.root=a #b", "data", "root", "a #b"),
        ("data.root=2026-01-01", "data", "root", "2026-01-01"),
        ("data.root=null", "data", "root", "null"),
        ("data.root='007'", "data", "root", "007"),
        ("data.root=it's", "data", "root", "it's"),
        ("data.root='a' 'b'", "data", "root", "'a' 'b'"),
        ("data.split_by=^[a: {", "data", "split_by", "^[a: {"),
        ("data.name=off", "data", "name", "off"),
        ("data.train={images: 1e5, annotations: no}", "data", "train", config.Split("1e5", "no")),
        ("train.init=yes", "train", "init", "yes"),
        ("train.freeze=[on, 007, 'x']", "train", "freeze", ["on", "007", "x"]),
        ("train.lr_factors={010: 0.1}", "train", "lr_factors", {"010": 0.1}),
        ("test.slices.size=64", "test", "slices", config.Slices((64, 64))),
        ("test.slices={size: [64, 32], overlap: 0}", "test", "slices", config.Slices((64, 32), 0.0)),
        ("loss.feature=[{name: 007, args: {p: 007}}]", "loss", "features", [config.Component("007", None, {"p": 7})]),
        ("loss.box={name: yes, weight: null}", "loss", "box", config.Component("yes")),
        ("data.root=/some/my folder", "data", "root", "/some/my folder"),
        ("data.root=123", "data", "root", "123"),
    ],
)
def test_overrides_by_type(write, text, section, key, value):
    got = getattr(getattr(config.load(write("train: {ema: 0.5}"), [text]), section), key)
    assert got == value and type(got) is type(value)


def test_later_overrides_win_and_do_not_touch_the_original():
    before = config.Config()
    assert config.override(before, ["seed=1", "seed=2"]).seed == 2
    assert before == config.Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.lr", "'train.lr' where an override key=value was expected"),
        ("--lr=1", "'--lr=1' where an override key=value was expected"),
        ("=1", "where an override key=value was expected"),
        ("train.lrr=1", r"unknown key train\.lrr; did you mean train\.lr\?"),
        ("trian.lr=1", r"unknown key trian; did you mean train\?"),
        ("lr=1", r"lr is called train\.lr here"),
        ("data.train.image=x", r"did you mean data\.train\.images\?"),
        ("zzz=1", "unknown key zzz; --help lists every key"),
        ("a..b=1", "unknown key a"),
        ("train.steps=1.5", r"train\.steps must be a whole number, got 1\.5$"),
        ("train.lr=fast", r"train\.lr must be a number, got fast$"),
        ("train.lr.x=3", r"train\.lr must be a number"),
        ("train.ema=no", r"train\.ema must be a number, got false$"),
        ("train.callbacks={a: 1}", r"train\.callbacks must be a list, such as \[a, b\]$"),
        ("train.callbacks=[null]", r"train\.callbacks\[0\] may not be null"),
        ("test.scales={a: 1}", r"test\.scales must be a list, such as \[1, 2\]$"),
        ("test.slices.size=large", r"test\.slices\.size must be a list"),
        ("test.slices=640", "test.slices takes no value of its own, it holds keys such as test.slices.size"),
        ("train.lr_factors=[1]", r"train\.lr_factors must hold keys and values"),
        ("train.device=cuda:1", r"train\.device must be one of auto, cpu, got cuda:1; CUDA_VISIBLE_DEVICES=1 .* GPUs$"),
        ("test.nms.name=no", r"test\.nms\.name must be one of soft_gaussian, .*, none, got no$"),
        ("test.nms.iuo=1", r"unknown key test\.nms\.iuo; did you mean test\.nms\.iou\?$"),
        ("train=5", "train takes no value of its own"),
        ("train.milestones=[1,2", "the value is not readable as YAML"),
        ("train.lr={", "the value is not readable as YAML"),
        ("work_dir=", r"work_dir may not be null \(an empty text is ''\)"),
        ("loss.foo.name=x", r"unknown key loss\.foo"),
        ("loss.grouping.args=5", r"loss\.grouping\.args"),
    ],
)
def test_what_is_wrong_with_an_override_is_one_sentence(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        config.override(config.Config(), [text])
    assert "\n" not in str(caught.value) and text in str(caught.value)


LOSS = "loss: {grouping: {name: ae, weight: 0.2, args: {margin: 2.0}}}"


@pytest.mark.parametrize("text", ["loss.grouping.name=half_sides", "loss.grouping={name: half_sides}"])
def test_another_loss_inherits_neither_arguments_nor_weight(write, text):
    got = config.load(write(LOSS), [text]).loss.grouping
    assert (got.name, got.weight, got.args) == ("half_sides", None, {})
    for order in (1, -1):
        kept = config.load(write(LOSS), [text, "loss.grouping.weight=0.3"][::order]).loss.grouping
        assert kept.weight == 0.3


def test_another_loss_in_a_layer_does_not_inherit_arguments(write):
    write(LOSS, "low.yaml")
    got = config.load(write("base: low.yaml\nloss: {grouping: {name: half_sides, args: {beta: 0.5}}}")).loss.grouping
    assert (got.name, got.weight, got.args) == ("half_sides", None, {"beta": 0.5})


@pytest.mark.parametrize("section", ["backbone", "region", "pairing"])
def test_another_part_of_the_network_starts_with_its_own_arguments(write, section):
    path, place = write(f"model: {{{section}: {{name: first, args: {{width: 5}}}}}}\n", "low.yaml"), f"model.{section}"
    held = [getattr(config.load(path, [f"{place}.name={name}"]).model, section) for name in ("first", "other")]
    assert [each.args for each in held] == [{"width": 5}, {}]
    above = write(f"base: low.yaml\nmodel: {{{section}: {{name: other, args: {{depth: 1}}}}}}\n")
    assert getattr(config.load(above).model, section).args == {"depth": 1}
    for words in ([f"{place}.name=other", f"{place}.args.depth=1"], [f"{place}={{name: other, args: {{depth: 1}}}}"]):
        for order in (1, -1):
            assert getattr(config.load(path, words[::order]).model, section).args == {"depth": 1}


def test_the_same_loss_keeps_its_arguments(write):
    got = config.load(write(LOSS), ["loss.grouping.name=ae", "loss.grouping.args.chunk_size=4"]).loss.grouping
    assert got.args == {"margin": 2.0, "chunk_size": 4}


def test_round_trip_through_dict_and_file(write, tmp_path):
    settings = config.load(write(LOSS), ["train.milestones=[1]", "data.input_size=[64,96]", "train.clip_norm=3"])
    assert config.from_container(config.to_dict(settings)) == settings
    config.save(settings, tmp_path / "saved.yaml")
    assert config.load(tmp_path / "saved.yaml") == settings


def test_the_dict_holds_plain_values_alone():
    def plain(value):
        if isinstance(value, dict):
            return all(type(k) is str and plain(v) for k, v in value.items())
        return all(map(plain, value)) if isinstance(value, (list, tuple)) else type(value) in (
            int, float, str, bool, type(None)
        )  # fmt: skip

    assert plain(config.to_dict(config.Config()))


def test_a_saved_config_of_another_schema_is_a_sentence():
    held = config.to_dict(config.Config())
    held["train"]["momentun"] = 0.9
    with pytest.raises(ValueError, match=r"^the saved config: unknown key train\.momentun"):
        config.from_container(held)


def test_lists_are_not_shared_between_configs():
    config.Config().train.milestones.append(1)
    assert config.Config().train.milestones == [450_000]


def leaves(value, prefix=""):
    for item in dataclasses.fields(value):
        if item.metadata:  # no key: what of the config was typed
            continue
        inner = getattr(value, item.name)
        name = prefix + item.name
        yield from leaves(inner, name + ".") if dataclasses.is_dataclass(inner) else [(name, inner)]


def test_help_describes_every_key():
    described = {key.name: key for key in help.described()}
    assert list(described) == [name for name, _ in leaves(config.Config())]
    assert not [key.name for key in described.values() if not key.meaning.strip() or not key.type]


def test_help_shows_defaults_that_can_be_typed():
    typed = [f"{key.name}={key.default}" for key in help.described()]
    changed = config.Config(seed=1, train=config.Train(milestones=[1], ema=0.5, resume="x"))
    assert config.override(changed, typed) == config.Config()


def test_help_is_in_columns():
    lines = help.help_text().splitlines()
    row = next(line for line in lines if line.split()[0] == "train.lr")
    assert row.split(maxsplit=3) == ["train.lr", "0.00025", "float", "peak learning rate"]
    assert [row.index(x) for x in ("train.lr", "0.00025", "float", "peak")] == list(help.COLUMNS)
    at = next(i for i, line in enumerate(lines) if line.split()[0] == "model.backbone.channels")
    assert lines[at].endswith("[256, 256, 384, 384, 384, 512]")
    assert lines[at + 1].strip().startswith("list of int") and lines[at + 1].index("width") == help.COLUMNS[-1]


def test_types_in_words():
    described = {key.name: key.type for key in help.described()}
    assert described["train.optimizer"] == "adam | adamw | sgd"
    assert described["train.ema"] == "float or null" and described["data.input_size"] == "2 x int"
    assert described["train.milestones"] == "list of int" and described["train.compile"] == "true or false"


def test_help_does_not_wait_for_torch():
    code = "import sys; from cornernet.cli import run; sys.argv = ['train.py', '--help']\n"
    code += "try: run('train')\nexcept SystemExit as e: sys.exit(('torch' in sys.modules) or e.code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train.py CONFIG [key=value ...]" in done.stdout and "peak learning rate" in done.stdout


def test_arguments_survive_whatever_the_order_of_the_overrides():
    for order in (1, -1):
        overrides = ["loss.heatmap.name=focal", "loss.heatmap.args.gamma=3.0"][::order]
        assert config.override(config.Config(), overrides).loss.heatmap.args == {"gamma": 3.0}
