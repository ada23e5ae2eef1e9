"""What a training takes from a file of weights: what fits, classes by name, a sentence where too little does."""

import pickle

import pytest
import torch
import torchvision

from cornernet import config, detectors
from cornernet.checkpoints import checkpoint, sentences, start, take
from cornernet.checkpoints.taken import parts

BLOOD = ["Platelets", "RBC", "WBC"]


def made(path, count, *overrides):
    """Settings, and a detector of this many classes."""
    settings = config.load(path, overrides)
    return settings, detectors.build(settings, count)


def saved(path, settings, detector, names):
    """A checkpoint of the detector, at this path."""
    held = {"model": detector.state_dict(), "config": config.to_dict(settings), "step": 0}
    checkpoint.save(held | {"class_names": names, "category_ids": list(range(len(names)))}, path)
    return path


def weights(detector):
    return {name: value.clone() for name, value in detector.state_dict().items()}


def rows(detector, name, number):
    """The rows of a class in a tensor."""
    layout = detector.class_rows()[name]
    return detector.state_dict()[name][[place for place, one in enumerate(layout) if one == number]]


def test_classes_are_taken_by_name_and_all_else_as_it_is(any_tiny, tmp_path):
    settings, before = made(any_tiny, 3, "model.anchor.ratios=[1,2]")
    path = saved(tmp_path / "a.pt", settings, before, BLOOD)
    detector = detectors.build(settings, 4)
    fresh = weights(detector)
    taken = take(detector, settings, ["WBC", "mast cell", "RBC", "wbc"], path)
    layout, given, got = detector.class_rows(), weights(before), weights(detector)
    assert layout and all(torch.equal(got[name], given[name]) for name in got if name not in layout)
    for name in layout:
        assert torch.equal(rows(detector, name, 0), rows(before, name, 2))
        assert torch.equal(rows(detector, name, 2), rows(before, name, 1))
        new = [place for place, one in enumerate(layout[name]) if one in (1, 3)]
        assert torch.equal(got[name][new], fresh[name][new])
    count = len(given)
    assert (taken.whole, taken.fresh, taken.total) == (count - len(layout), 0, count)
    said = f"a.pt: {count - len(layout)} of {count} tensors taken; classes WBC, RBC by name, mast cell, wbc new"
    assert sentences(taken, "a.pt") == [said]


@pytest.mark.parametrize(
    ("names", "said"),
    [(BLOOD, "its classes are the same"), (BLOOD[::-1], "classes WBC, RBC, Platelets by name")],
    ids=["same", "another order"],
)
def test_classes_of_the_same_names_are_all_taken(tiny, tmp_path, names, said):
    settings, before = made(tiny, 3)
    detector = detectors.build(settings, 3)
    taken = take(detector, settings, names, saved(tmp_path / "a.pt", settings, before, BLOOD))
    assert sentences(taken, "a.pt") == [f"a.pt: 420 of 420 tensors taken; {said}"]
    for name in before.class_rows():
        assert torch.equal(rows(detector, name, names.index("RBC")), rows(before, name, 1))


def test_as_many_classes_of_other_names_are_new(tiny, tmp_path):
    settings, before = made(tiny, 3)
    detector = detectors.build(settings, 3)
    fresh = weights(detector)
    taken = take(detector, settings, ["a", "b", "c"], saved(tmp_path / "a.pt", settings, before, BLOOD))
    assert sentences(taken, "a.pt") == [
        "a.pt: 412 of 420 tensors taken; classes a, b, c new",
        "8 tensors fresh: "
        + ", ".join(f"network.heads.{stack}.{kind}_heat.2" for stack in (0, 1) for kind in ("tl", "br")),
    ]
    assert all(torch.equal(detector.state_dict()[name], fresh[name]) for name in detector.class_rows())


def test_modules_declare_all_that_grows_with_the_classes(any_tiny):
    settings, detector = made(any_tiny, 2)
    assert set(start._growing(detector, start._without_numbers(settings, 3))) == set(detector.class_rows())
    for name, layout in detector.class_rows().items():
        assert len(layout) == len(detector.state_dict()[name]) and set(layout) == {0, 1}


def test_what_is_not_declared_is_not_taken_from_other_classes(tiny, tmp_path, monkeypatch):
    settings, before = made(tiny, 3)
    path = saved(tmp_path / "a.pt", settings, before, BLOOD)
    monkeypatch.setattr(type(before), "class_rows", lambda self: {})
    assert take(detectors.build(settings, 3), settings, ["a", "RBC", "c"], path).fresh == 8


def test_rows_of_no_class_go_where_such_rows_are():
    ours, theirs = start._keys([0, 1, -1], ["WBC", "new"]), start._keys([0, 1, 2, -1], BLOOD)
    assert start._paired(ours, theirs) == ([0, 2], [2, 3])


@pytest.mark.parametrize("names", [("corner", "anchor"), ("anchor", "corner")], ids="-".join)
def test_a_file_of_the_other_detector_gives_its_backbone(kinds, tmp_path, names):
    first, second = (kinds[name] for name in names)
    settings, before = made(first, 3)
    path = saved(tmp_path / "a.pt", settings, before, BLOOD)
    settings, detector = made(second, 3)
    taken = take(detector, settings, BLOOD, path)
    places = {"corner": "network.backbone.", "anchor": "network.backbone.hourglass."}
    given, got = weights(before), weights(detector)
    stem = "stem.0.conv.weight"
    assert torch.equal(got[places[names[1]] + stem], given[places[names[0]] + stem])
    assert taken.whole == 252 and taken.new == BLOOD and not taken.same


def test_a_file_of_torchvision_gives_its_backbone(kinds, tmp_path):
    whole = torchvision.models.resnet18().state_dict()
    torch.save(whole, tmp_path / "resnet18.pth")
    settings, detector = made(kinds["corner"], 1, "model.backbone={name: resnet18}")
    taken = take(detector, settings, ["cell"], tmp_path / "resnet18.pth")
    assert taken.parts == ["network.backbone.fpn", "network.heads"] and taken.whole == len(whole) - 2  # fc
    assert torch.equal(detector.state_dict()["network.backbone.body.layer4.1.bn2.bias"], whole["layer4.1.bn2.bias"])


def test_a_dict_of_tensors_of_the_same_network_gives_all(tiny, tmp_path):
    settings, before = made(tiny, 3)
    held = {f"module.{name}": value for name, value in before.network.state_dict().items()}
    torch.save({"state_dict": held, "epoch": 3}, tmp_path / "a.pt")
    taken = take(detectors.build(settings, 3), settings, BLOOD, tmp_path / "a.pt")
    assert taken.same and sentences(taken, "a.pt")[0].endswith("it names no classes, which are taken in their order")
    other = take(detectors.build(settings, 2), settings, BLOOD[:2], tmp_path / "a.pt")
    assert not other.same and other.new == BLOOD[:2] and other.fresh == 8


def test_what_losses_learnt_starts_anew(tiny, tmp_path):
    settings, before = made(tiny, 3, "loss.feature.name=softmax")
    detector = detectors.build(settings, 3)
    fresh = weights(detector)
    take(detector, settings, BLOOD, saved(tmp_path / "a.pt", settings, before, BLOOD))
    own = [name for name in fresh if name.startswith("loss.")]
    assert own and all(torch.equal(detector.state_dict()[name], fresh[name]) for name in own)


def test_half_of_the_tensors_are_enough_and_fewer_are_not(tiny, tmp_path):
    settings, detector = made(tiny, 3)
    names = list(detector.state_dict())
    backwards = {name: detector.state_dict()[name] for name in reversed(names)}  # heads, 168, first
    for count, enough in ((210, True), (209, False)):
        torch.save(dict(list(backwards.items())[:count]), tmp_path / "a.pt")
        if enough:
            assert take(detector, settings, BLOOD, tmp_path / "a.pt").whole == count
            continue
        with pytest.raises(ValueError, match=r"209 of 420 tensors fit, .* not in the file: network\."):
            take(detector, settings, BLOOD, tmp_path / "a.pt")


def test_tensors_of_another_shape_are_listed(tiny, tmp_path):
    settings, before = made(
        tiny, 3, "model.backbone.stem_channels=4", "model.backbone.channels=[4,4,4]", "model.head.pool_channels=4"
    )
    path = saved(tmp_path / "a.pt", settings, before, BLOOD)
    settings, detector = made(tiny, 3)
    with pytest.raises(ValueError, match=r"another shape or classes: network\.backbone\.stem\.0\.conv\.weight \[4, 3"):
        take(detector, settings, BLOOD, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no dict of ordinary tensors"),
        ({"state_dict": {1: torch.ones(1)}}, "holds no dict of ordinary tensors"),
        ({"a": torch.ones(2, 2).to_sparse()}, "holds no dict of ordinary tensors"),
        ({"a" + ".a" * 10**5: torch.ones(1)}, "holds another model than the config describes: 0 of 420"),
        ({"model": {}, "config": {}, "class_names": []}, "has no category_ids, step"),
    ],
    ids=["list", "number for a name", "sparse", "long name", "torso"],
)
def test_files_without_such_weights_are_a_sentence(tiny, tmp_path, content, message):
    torch.save(content, tmp_path / "a.pt")
    settings, detector = made(tiny, 3)
    with pytest.raises(ValueError, match=message):
        take(detector, settings, BLOOD, tmp_path / "a.pt")


def test_nothing_in_a_file_is_run(tiny, tmp_path):
    class Code:
        def __reduce__(self):
            return (print, ("run",))

    (tmp_path / "a.pt").write_bytes(pickle.dumps({"state_dict": Code()}))
    settings, detector = made(tiny, 3)
    with pytest.raises(ValueError, match=r"a\.pt"):
        take(detector, settings, BLOOD, tmp_path / "a.pt")


def test_weights_that_are_not_finite_are_refused_before_any_is_taken(tiny, tmp_path):
    settings, before = made(tiny, 3)
    before.network.heads[1].br_offset[2].bias.data.fill_(torch.nan)
    path, detector = saved(tmp_path / "a.pt", settings, before, BLOOD), detectors.build(settings, 3)
    fresh = weights(detector)
    with pytest.raises(ValueError, match=r"not finite: 1 tensor \(first: network\.heads\.1\.br_offset"):
        take(detector, settings, BLOOD, path)
    assert all(torch.equal(value, fresh[name]) for name, value in detector.state_dict().items())


def test_parts_by_hand():
    assert parts(["a.b.c", "a.b.d", "a.e", "f"], ["a.b.c", "a.b.d", "a.e", "a.g", "f"]) == ["a.b", "a.e", "f"]
