"""docs/transforms.md lists what there is, and the examples in it run."""

import re
from pathlib import Path

import numpy as np
import torch

from cornernet.arguments import configurable
from cornernet.config.schema import TRANSFORMS as DEFAULT
from cornernet.data.transforms import TRANSFORMS
from cornernet.structures import LabelledImage

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "transforms.md").read_text(encoding="utf-8")


def test_every_transform_has_its_line_with_its_arguments_and_its_place():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE))
    assert set(rows) == set(TRANSFORMS)
    for name, file in TRANSFORMS.items():
        function = getattr(file, name)
        arguments = set(configurable(function, 2 if file.WHERE == "worker" else 1)) - {
            "input_size",
            "others",
            "progress",
        }
        _, _, told, place = rows[name].split("|") if rows[name].count("|") == 3 else ("", *rows[name].split("|"))
        assert set(re.findall(r"`(\w+)` \(", told)) == arguments and place.strip() == file.WHERE
        assert set(getattr(file, "RANGES", {})) <= arguments


def test_the_default_is_what_the_functions_do_by_themselves():
    for name, args in DEFAULT.items():
        found = configurable(getattr(TRANSFORMS[name], name), 0)
        assert {key: found[key].default for key in args} == args


def test_the_examples_run():
    quarters, grey = ({}, {})
    for code, names in zip(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), (quarters, grey), strict=True):
        exec(compile(code, "transforms.md", "exec"), names)
    rng = np.random.default_rng(0)
    given = LabelledImage(rng.integers(0, 256, (20, 30, 3), np.uint8), np.array([[0.0, 0, 30, 20]]), np.zeros(1, int))
    image, boxes, labels = quarters["quarters"](given, rng, (40, 60), lambda n: [given] * n, p=1)
    assert np.array_equal(image, np.tile(given.image, (2, 2, 1))) and len(labels) == 4
    assert boxes.tolist() == [[x, y, x + 30, y + 20] for y in (0, 20) for x in (0, 30)]
    images, chosen = torch.rand(2, 3, 4, 4), torch.tensor([True, False])
    found = grey["change"](images, chosen)
    assert torch.equal(found[0, 0], found[0, 2]) and torch.equal(found[1], images[1])
    assert set(grey["grey"](rng)) == {"chosen"}
