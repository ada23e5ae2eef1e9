"""Our names -> published ones, written down anew, part by part."""

import re

SPELLINGS = [  # ours -> the original code's
    ("backbone.stem.", "pre."),
    ("backbone.hourglasses.", "kps."),
    ("backbone.outputs.", "cnvs."),
    ("backbone.merged.", "inters."),
    ("backbone.merge_input.", "inters_."),
    ("backbone.merge_output.", "cnvs_."),
]
LITE = [  # the original code's -> CornerNet-Lite's, by the README of the goldens
    (r"kps\.", "hg.hgs."),
    (r"(pre|cnvs|inters|inters_|cnvs_)\.", r"hg.\1."),
    (r"(tl|br)_cnvs\.", r"\1_modules."),
    (r"(tl|br)_regrs\.", r"\1_offs."),
]
MMDETECTION = [  # the same for mmdetection, by the names of the modules in its source
    (r"pre\.0\.", "backbone.stem.0."),
    (r"pre\.1\.skip\.", "backbone.stem.1.0.downsample."),
    (r"pre\.1\.", "backbone.stem.1.0."),
    (r"kps\.(.+)\.skip\.", r"backbone.hourglass_modules.\1.downsample."),
    (r"kps\.", "backbone.hourglass_modules."),
    (r"cnvs\.", "backbone.out_convs."),
    (r"inters\.", "backbone.inters."),
    (r"inters_\.(\d)\.0\.", r"backbone.conv1x1s.\1.conv."),
    (r"inters_\.(\d)\.1\.", r"backbone.conv1x1s.\1.bn."),
    (r"cnvs_\.(\d)\.0\.", r"backbone.remap_convs.\1.conv."),
    (r"cnvs_\.(\d)\.1\.", r"backbone.remap_convs.\1.bn."),
    (r"(tl|br)_cnvs\.(\d)\.p([12])_conv1\.", r"bbox_head.\1_pool.\2.direction\3_conv."),
    (r"(tl|br)_cnvs\.(\d)\.p_conv1\.", r"bbox_head.\1_pool.\2.aftpool_conv.conv."),
    (r"(tl|br)_cnvs\.(\d)\.p_bn1\.", r"bbox_head.\1_pool.\2.aftpool_conv.bn."),
    (r"(tl|br)_cnvs\.(\d)\.conv1\.", r"bbox_head.\1_pool.\2.conv1.conv."),
    (r"(tl|br)_cnvs\.(\d)\.bn1\.", r"bbox_head.\1_pool.\2.conv1.bn."),
    (r"(tl|br)_cnvs\.(\d)\.conv2\.", r"bbox_head.\1_pool.\2.conv2."),
    (r"(tl|br)_heats\.(\d+)\.(0.conv|1)\.", r"bbox_head.\1_heat.\2.\3."),
    (r"(tl|br)_tags\.(\d)\.(0.conv|1)\.", r"bbox_head.\1_emb.\2.\3."),
    (r"(tl|br)_regrs\.(\d)\.(0.conv|1)\.", r"bbox_head.\1_off.\2.\3."),
]


def respelled(key: str, spellings: list[tuple[str, str]]) -> str:
    """A name of the original code -> that of another one, by the first spelling that its beginning has."""
    found = next((re.sub(f"^{theirs}", ours, key) for theirs, ours in spellings if re.match(theirs, key)), key)
    return re.sub(r"(bbox_head\.\w+_(?:heat|emb|off)\.\d+\.)1\.", r"\g<1>1.conv.", found)


def published_name(key: str) -> str:
    """Our key -> the original code's, for the network's residuals, poolings and branches."""
    for ours, theirs in SPELLINGS:
        key = key.replace(ours, theirs)
    parts = key.split(".")
    if parts[0] == "heads":
        kind, what = parts[2].split("_")
        if what == "pool":
            inside = {
                "to_vertical": "p1_conv1", "to_horizontal": "p2_conv1", "pooled": "p_conv1", "pooled_norm": "p_bn1",
                "shortcut": "conv1", "shortcut_norm": "bn1", "out": "conv2", "norm": "bn",
            }  # fmt: skip
            rest = [inside.get(part, part) for part in parts[3:]]
            return ".".join([f"{kind}_cnvs", parts[1], *rest])
        place = {"0": "0.conv", "2": "1"}[parts[3]]
        return ".".join(
            [f"{kind}_{ {'heat': 'heats', 'tag': 'tags', 'offset': 'regrs'}[what] }", parts[1], place, parts[4]]
        )
    parts = [{"skip": "up1", "down": "low1", "inner": "low2", "up": "low3"}.get(part, part) for part in parts]
    key = ".".join(parts)
    plain = parts[0] in ("cnvs", "inters_", "cnvs_") or parts[:2] == ["pre", "0"]
    if plain:
        return key.replace(".norm.", ".bn.")
    for ours, theirs in (
        (".block.conv.", ".conv1."), (".block.norm.", ".bn1."), (".conv.", ".conv2."), (".norm.", ".bn2."),
        (".shortcut.", ".skip."),
    ):  # fmt: skip
        key = key.replace(ours, theirs)
    return key
