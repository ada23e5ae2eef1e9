"""What the published networks call their parts and what we call them: one table a naming, a line a part.

In the names {n} is a stack, {i} a place in a row, {corner} tl, br or ct, {level} the way to a part of an hourglass and
{deeper} the way to a level of it. What lies in a part is a mapping from their names to ours: RESIDUAL and its
neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

BGR = tuple[float, float, float]
Colours = tuple[BGR, BGR]  # mean and standard deviation of images in 0..1
IMAGENET: Colours = ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229))  # 103.53, 116.28, 123.675 and so on of 255


class Part(NamedTuple):
    """A part of a published network."""

    theirs: str  # its name in their files
    ours: str  # in our network; empty: it is left out
    inside: Mapping[str, str]  # what lies in it: their names -> ours


class Naming(NamedTuple):
    """The names in the files of one published code."""

    title: str
    parts: Sequence[Part]
    rgb: bool = False  # whether its networks read images as RGB; ours and all others read them as BGR
    colours: Colours | None = None  # BGR mean and std of its images in 0..1; None: those of the member's config
    compared: bool = True  # whether outputs of that code's network were compared with ours
    settings: Mapping[str, Sequence[str]] = {}  # what else differs: a member's config -> overrides


LEVELS = {"up1": "skip", "low1": "down", "low2": "inner", "low3": "up"}  # of an hourglass, words of {level}
ITSELF = {"": ""}  # a part whose weight lies in it at once
CONV = {"conv": "conv", "bn": "norm"}
RESIDUAL = {
    "conv1": "block.conv",
    "bn1": "block.norm",
    "conv2": "conv",
    "bn2": "norm",
    "skip.0": "shortcut.0",
    "skip.1": "shortcut.1",
}
FIRE = {"conv1": "squeeze", "bn1": "squeeze_norm", "conv_1x1": "point", "conv_3x3": "depth", "bn2": "norm"}
POOL = {
    "p1_conv1.conv": "to_vertical.conv",
    "p1_conv1.bn": "to_vertical.norm",
    "p2_conv1.conv": "to_horizontal.conv",
    "p2_conv1.bn": "to_horizontal.norm",
    "p_conv1": "pooled",
    "p_bn1": "pooled_norm",
    "conv1": "shortcut",
    "bn1": "shortcut_norm",
    "conv2.conv": "out.conv",
    "conv2.bn": "out.norm",
    "look_conv1.conv": "look_across.conv",  # these six of cascade corner pooling
    "look_conv1.bn": "look_across.norm",
    "P1_look_conv": "seen_across",
    "look_conv2.conv": "look_along.conv",
    "look_conv2.bn": "look_along.norm",
    "P2_look_conv": "seen_along",
}
BRANCH = {"0.conv": "0", "1": "2"}
PAIR = {"0": "0", "1": "1"}
# the same of mmdetection
MM_RESIDUAL = {name.replace("skip", "downsample"): ours for name, ours in RESIDUAL.items()}
MM_POOL = {
    "direction1_conv.conv": "to_vertical.conv",
    "direction1_conv.bn": "to_vertical.norm",
    "direction2_conv.conv": "to_horizontal.conv",
    "direction2_conv.bn": "to_horizontal.norm",
    "aftpool_conv.conv": "pooled",
    "aftpool_conv.bn": "pooled_norm",
    "conv1.conv": "shortcut",
    "conv1.bn": "shortcut_norm",
    "conv2.conv": "out.conv",
    "conv2.bn": "out.norm",
}
MM_BRANCH = {"0.conv": "0", "1.conv": "2"}
MM_PAIR = {"conv": "0", "bn": "1"}


def _backbone(start: str, hourglasses: str, block: Mapping[str, str]) -> tuple[Part, ...]:
    """The backbone of all but mmdetection, below a start such as `hg.`, its hourglasses of these blocks."""
    return (
        Part(f"{start}pre.0", "backbone.stem.0", CONV),
        Part(f"{start}pre.1", "backbone.stem.1", RESIDUAL),
        Part(f"{start}{hourglasses}.{{n}}.{{level}}.{{i}}", "backbone.hourglasses.{n}.{level}.{i}", block),
        Part(f"{start}cnvs.{{n}}", "backbone.outputs.{n}", CONV),
        Part(f"{start}inters.{{n}}", "backbone.merged.{n}", RESIDUAL),
        Part(f"{start}inters_.{{n}}", "backbone.merge_input.{n}", PAIR),
        Part(f"{start}cnvs_.{{n}}", "backbone.merge_output.{n}", PAIR),
    )


TAG = Part("{corner}_tags.{n}", "heads.{n}.{corner}_tag", BRANCH)
CORNERS = (  # also the triplets of Duan et al., whose third {corner} is the centre
    Part("{corner}_cnvs.{n}", "heads.{n}.{corner}_pool", POOL),
    Part("{corner}_heats.{n}", "heads.{n}.{corner}_heat", BRANCH),
    Part("{corner}_regrs.{n}", "heads.{n}.{corner}_offset", BRANCH),
)
LITE_HEADS = (
    Part("{corner}_modules.{n}", "heads.{n}.{corner}_pool", POOL),
    Part("{corner}_heats.{n}", "heads.{n}.{corner}_heat", BRANCH),
    Part("{corner}_offs.{n}", "heads.{n}.{corner}_offset", BRANCH),
    TAG,
)
AFFINITY_HEADS = (
    *CORNERS,
    Part("{corner}_tags.{n}", "heads.{n}.{corner}_tag.tag", BRANCH),
    Part("{corner}_whs.{n}", "heads.{n}.{corner}_tag.size", BRANCH),
)
SACCADE_HEADS = (*LITE_HEADS, Part("att_modules.{n}.{i}", "heads.{n}.attention.{i}", BRANCH))
SQUEEZE_BACKBONE = (
    *_backbone("hg.", "hgs", FIRE),
    Part("hg.pre.2", "backbone.stem.2", RESIDUAL),
    Part("hg.hgs.{n}.{deeper}up2", "backbone.hourglasses.{n}.{deeper}upsample", ITSELF),
)


def _centripetal(start: str, stack: int) -> tuple[Part, ...]:
    """The head of CentripetalNet behind one of its two stacks, and its mask branch, which only training needs."""
    theirs, ours = f"bbox_head.{start}{{corner}}", f"heads.{stack}.{{corner}}"
    return (
        Part(f"{theirs}_pool", f"{ours}_pool", POOL),
        Part(f"{theirs}_heat", f"{ours}_heat", BRANCH),
        Part(f"{theirs}_off", f"{ours}_offset", BRANCH),
        Part(f"{theirs}_off_c", f"{ours}_tag.guiding", BRANCH),
        Part(f"{theirs}_offset", f"{ours}_tag.to_offsets", ITSELF),
        Part(f"{theirs}_fadp", f"{ours}_tag.adapted", ITSELF),
        Part(f"{theirs}_off_c_2", f"{ours}_tag.shift", BRANCH),
        Part(f"bbox_head.{start}convs.{{i}}", "", {"conv": ""}),
        Part(f"bbox_head.{start}conv_logits", "", ITSELF),
    )


MMDETECTION = (
    Part("backbone.stem.0", "backbone.stem.0", CONV),
    Part("backbone.stem.1.0", "backbone.stem.1", MM_RESIDUAL),
    Part("backbone.hourglass_modules.{n}.{level}.{i}", "backbone.hourglasses.{n}.{level}.{i}", MM_RESIDUAL),
    Part("backbone.out_convs.{n}", "backbone.outputs.{n}", CONV),
    Part("backbone.inters.{n}", "backbone.merged.{n}", MM_RESIDUAL),
    Part("backbone.conv1x1s.{n}", "backbone.merge_input.{n}", MM_PAIR),
    Part("backbone.remap_convs.{n}", "backbone.merge_output.{n}", MM_PAIR),
    Part("bbox_head.{corner}_pool.{n}", "heads.{n}.{corner}_pool", MM_POOL),
    Part("bbox_head.{corner}_heat.{n}", "heads.{n}.{corner}_heat", MM_BRANCH),
    Part("bbox_head.{corner}_off.{n}", "heads.{n}.{corner}_offset", MM_BRANCH),
    Part("bbox_head.{corner}_emb.{n}", "heads.{n}.{corner}_tag", MM_BRANCH),
    Part("bbox_head.{corner}_guiding_shift.{n}", "heads.{n}.{corner}_tag.guiding", MM_BRANCH),
    Part("bbox_head.{corner}_dcn_offset.{n}", "heads.{n}.{corner}_tag.to_offsets", {"conv": ""}),
    Part("bbox_head.{corner}_feat_adaption.{n}", "heads.{n}.{corner}_tag.adapted", ITSELF),
    Part("bbox_head.{corner}_centripetal_shift.{n}", "heads.{n}.{corner}_tag.shift", MM_BRANCH),
)

NAMINGS = (  # where several read a file equally well it is the first of them
    Naming("CornerNet", (*_backbone("", "kps", RESIDUAL), *CORNERS, TAG)),
    Naming("CornerNet-Lite", (*_backbone("hg.", "hgs", RESIDUAL), *LITE_HEADS)),
    Naming("CornerNet-Squeeze", (*SQUEEZE_BACKBONE, *LITE_HEADS), compared=False),
    Naming("CornerNet-Saccade", (*_backbone("hg.", "hgs", RESIDUAL), *SACCADE_HEADS), compared=False),
    Naming("Corner Affinity", (*_backbone("", "kps", RESIDUAL), *AFFINITY_HEADS), compared=False),
    Naming(
        "CentripetalNet",
        (*_backbone("backbone.", "hg_modules", RESIDUAL), *_centripetal("mid_", 0), *_centripetal("", 1)),
        colours=IMAGENET,
    ),
    Naming(
        "mmdetection", MMDETECTION, rgb=True, colours=IMAGENET, compared=False,
        settings={"centripetal": ("model.pairing.args.region=mmdetection", "test.nms.sigma=0.5")},
    ),
)  # fmt: skip

# What among our names makes a file that of a member, and the name of the member's config; of none it is CornerNet's.
MEMBERS = {"ct_heat": "centernet", "depth": "squeeze", "guiding": "centripetal", "size": "affinity"}
MEMBERS |= {"attention": "saccade"}
