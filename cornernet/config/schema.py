"""The schema of a run: every key that a user can set is a field here.

`--help` prints its default and its comment, which stands behind it or, where the line is too long for that, above it.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass
class Component:
    """One of the losses, by name."""

    name: str  # file name of the loss in its role's folder, or a dotted path to your own
    weight: float | None = None  # factor of this term in the total; null: the loss's own, see docs/losses.md
    args: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the loss


@dataclass
class Backbone:
    """The network that the head reads; the last four keys are those of hourglass and squeeze."""

    # hourglass, squeeze, resnet18, resnet34, resnet50, resnet101, efficientnet_lite0, timm/NAME, or a dotted path to
    # your own
    name: str = "hourglass"
    args: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the backbone
    stride: int = 4  # of the map that the corner detector reads, one that the backbone offers; pixels
    weights: str = ""  # imagenet, or a file of a pretrained backbone's weights, see docs/backbones.md; empty: random
    stacks: int = 2  # hourglasses in a row, each supervised
    stem_channels: int = 128  # width of the 7x7 convolution that opens the network
    # width per level, fine to coarse
    channels: list[int] = field(default_factory=lambda: [256, 256, 384, 384, 384, 512])
    blocks: list[int] = field(default_factory=lambda: [2, 2, 2, 2, 2, 4])  # blocks per level, fine to coarse


@dataclass
class Head:
    """The branches of the corner detector behind each hourglass; points has `channels` and `kernel` alone."""

    channels: int = 256  # width of the features behind each hourglass and of the six branches
    pool_channels: int = 128  # width of the maps that are corner-pooled
    # corner: maxima along one line each; cascade: along the other one first, so that they see inside the box
    pooling: Literal["corner", "cascade"] = "corner"
    kernel: Literal[1, 3] = 3  # side of the first of the two convolutions of a branch
    tag_dim: int = 1  # numbers per corner by which the two corners of a box find each other
    centre: bool = False  # a third branch, whose peaks are the boxes' centres; test.centre says what is asked of them


@dataclass
class Pairing:
    """How the corners of a box find each other."""

    # tags: by loss.grouping; centripetal, affinity: see docs/family.md; or the dotted path of your own
    name: str = "tags"
    args: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the way of pairing


@dataclass
class Region:
    """The second stage of the corner detector, which looks into the boxes that pairs of corners propose."""

    # none; cpn: two heads behind RoIAlign; centre: logits at the middle of the box; or the dotted path of your own
    name: str = "none"
    args: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the stage, see docs/region.md
    # whether corners have classes too and pair within one; false: one heatmap for all, the stage alone names the class
    class_corners: bool = True
    top_k: int = 70  # corners of each kind that make proposals in training
    proposals: int = 1000  # best pairs that it looks at
    positive_iou: float = 0.7  # overlap with an object from which a proposal is of it
    min_pair: float = 0.2  # pair score below which a proposal is rejected


@dataclass
class Attention:
    """Maps of the corner detector that say where objects of which size may be, as test.saccade asks for them."""

    # longer sides of objects, input pixels, at which one map hands over to the next coarser, such as [32, 96] for maps
    # of 1, 2 and 4 strides; empty: none. hourglass and squeeze have such levels
    sizes: list[float] = field(default_factory=list)
    least: float = 16.0  # objects whose longer side is shorter, input pixels, teach these maps and no corners


@dataclass
class Anchor:
    """The head of the anchor detector: its pyramid, its anchors and what they are trained towards."""

    channels: int = 256  # width of the pyramid and of the two towers
    depth: int = 4  # convolutions in each tower
    first_level: int = 3  # finest level of the pyramid, of stride 2^level
    last_level: int = 7  # coarsest level
    side: float = 4.0  # side of a level's anchors in its strides, before the scales
    scales: list[float] = field(default_factory=lambda: [1.0, 1.2599, 1.5874])  # factors of the side
    ratios: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])  # height / width
    # max_iou: RetinaNet's thresholds; atss: from the statistics of each object's nearest anchors; tal and simota: from
    # what the network says at the moment, as in TOOD and YOLOX. With tal a classification loss that grades by quality
    # is given TOOD's normalised alignment, not the IoU
    assign: Literal["max_iou", "atss", "tal", "simota"] = "max_iou"
    positive_iou: float = 0.5  # of max_iou: overlap from which an anchor has the object
    negative_iou: float = 0.4  # of max_iou: overlap below which it is background
    # of atss: nearest anchors of each level, null is 9; of tal: most anchors of an object, 13 (10 in YOLO); of simota:
    # largest IoUs of an object, whose sum is how many anchors it takes, 10
    candidates: int | None = None
    alpha: float = 1.0  # of tal: power of the score (0.5 in YOLO)
    beta: float = 6.0  # of tal: power of the IoU
    radius: float = 2.5  # of simota: strides from an object's centre within which an anchor is at its middle
    iou_weight: float = 3.0  # of simota: weight of -log(IoU) beside the cross entropy of the classes
    # deltas: of centre and logarithm of size; distribution: of each side's distance from the anchor's centre over bins,
    # as in GFL, with loss.distribution; for assigners whose anchors lie inside the object: atss, tal
    coding: Literal["deltas", "distribution"] = "deltas"
    reg_max: int = 16  # of distribution: the last bin, in strides of the level; no side is further away
    # auto: as the loss declares: on areas boxes; l1, smooth_l1 and mse deltas (on boxes they count pixels)
    box_space: Literal["auto", "boxes", "deltas"] = "auto"
    # a branch that finds corners, to which the boxes of all levels but the finest move; loss.verify, loss.offset and
    # model.min_overlap are of it
    verify: bool = False
    verify_channels: int = 64  # width of that branch


@dataclass
class Model:
    """The detector and its network."""

    # corner: pairs of corners; anchor: anchors on a feature pyramid; points: centres with sizes; or the name or dotted
    # path of your own
    detector: str = "corner"
    backbone: Backbone = field(default_factory=Backbone)
    head: Head = field(default_factory=Head)
    pairing: Pairing = field(default_factory=Pairing)
    region: Region = field(default_factory=Region)
    attention: Attention = field(default_factory=Attention)
    min_overlap: float = 0.3  # IoU a box keeps when its corners move by the Gaussian radius
    # right: the radius of that overlap; old: of the first releases, whose roots are wrong and bumps larger
    radius_roots: Literal["right", "old"] = "right"
    anchor: Anchor = field(default_factory=Anchor)
    # keys that a detector of your own declares as its SECTION, see docs/own_detector.md; those of the package have none
    args: dict[str, Any] = field(default_factory=dict)


@dataclass
class Losses:
    """One loss for each place. Those of `centre`, `attention` and `verify` are of the heatmap role, those of `guiding`,
    `shift` and `size` of the offset role, those of `pair` and `distribution` of the classification role; the others
    have roles of their own.
    """

    heatmap: Component = field(default_factory=lambda: Component("neg"))  # of corners; of points' centres
    grouping: Component = field(default_factory=lambda: Component("ae"))  # of corners; none: the region stage pairs
    offset: Component = field(default_factory=lambda: Component("smooth_l1"))  # of corners and centres
    centre: Component = field(default_factory=lambda: Component("neg"))  # heatmap of the centres
    attention: Component = field(default_factory=lambda: Component("neg"))  # of model.attention.sizes
    guiding: Component = field(default_factory=lambda: Component("smooth_l1"))  # of model.pairing.name=centripetal
    shift: Component = field(default_factory=lambda: Component("smooth_l1"))  # of model.pairing.name=centripetal
    # of boxes: affinity, points; without a weight points take a tenth of the loss's own
    size: Component = field(default_factory=lambda: Component("smooth_l1"))
    verify: Component = field(default_factory=lambda: Component("neg"))  # heatmaps of corners of model.anchor.verify
    pair: Component = field(default_factory=lambda: Component("focal"))  # of a region stage: is a pair one object
    # bins of the sides of anchors' boxes, model.anchor.coding=distribution; weight null: a quarter of the loss's own
    distribution: Component = field(default_factory=lambda: Component("cross_entropy"))
    box: Component = field(default_factory=lambda: Component("giou"))  # of anchors
    classification: Component = field(default_factory=lambda: Component("focal"))  # of anchors and of a region stage
    feature: Component = field(default_factory=lambda: Component("none"))  # none: no such term
    # further losses of the feature role, [{name: center}, {name: ring, weight: 0.02}]; their terms are feature_<name>
    features: list[Component] = field(default_factory=list)


@dataclass
class Split:
    """Images and annotations of the training."""

    images: str = ""  # folder of the images, relative to data.root; empty: found from the annotations
    annotations: str = ""  # file or folder, relative to data.root
    limit: int | None = None  # only the first images with objects, to overfit or to try things out; null: all


@dataclass
class Validation:
    """Images and annotations of the validation, or the share of those of training that is held out for it."""

    images: str = ""  # as above
    annotations: str = ""  # as above; empty: what data.train.annotations holds for validation
    limit: int | None = None  # as above
    # share of the training images to hold out where there is no validation set; the same ones whatever the seed
    split: float = 0.0
    # share of the training images that is validated on in place of all the above, as the trials of a search are
    search: float | None = None
    digest: str = ""  # digest of the images held out; a run writes it, so that a set that has changed is noticed


@dataclass
class Shapes:
    """The synthetic set of coloured shapes."""

    size: int = 128  # side of the square images in pixels
    train_images: int = 2000  # images in the training split
    val_images: int = 200  # images in the validation split
    max_objects: int = 6  # most shapes on one image
    seed: int = 0  # seed of the drawings, independent of the run's seed


@dataclass
class Cards:
    """The synthetic set of cards, 640x480, whose six classes differ in a small glyph at their centre alone."""

    train_images: int = 300  # images in the training split
    val_images: int = 150  # images in the validation split
    seed: int = 0  # seed of the drawings, independent of the run's seed


TRANSFORMS = {  # the published augmentation
    "crop": {"scales": [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3], "border": 128},
    "flip": {"p": 0.5},
    "colour": {"strength": 0.4},
    "lighting": {"std": 0.1},
}


@dataclass
class Data:
    """Where images and boxes come from, and how they reach the network."""

    name: str = "coco"  # coco: a set of files, in the format below; shapes, cards: drawn on the fly; or a dotted path
    # auto: recognised by content (coco, csv, roboflow, voc, yolo); or a name of these, or the dotted path of your own
    format: str = "auto"
    voc_offset: float = 0.0  # added to xmin and ymin of Pascal VOC files; -1: their first pixel is 1, as in VOC itself
    root: str = ""  # folder to which the paths below are relative
    train: Split = field(default_factory=Split)
    val: Validation = field(default_factory=Validation)
    # regular expression in file names, whose first pair of brackets holds what val.split keeps together: '^(\d+)_'
    split_by: str = ""
    shapes: Shapes = field(default_factory=Shapes)
    cards: Cards = field(default_factory=Cards)
    input_size: tuple[int, int] = (511, 511)  # height and width of the network's input in training
    longest_side: int | None = None  # images are first resized to this, in training and test; null: as they are
    # bits of the values in 16-bit and float images, 1: floats from 0 to 1; auto: as the training images need, see
    # docs/data.md
    bit_depth: Literal["auto", 1, 8, 10, 12, 14, 16] = "auto"
    max_objects: int = 128  # object slots of an image; more are cut and counted
    mean: tuple[float, float, float] | None = None  # BGR mean of images in 0..1; null: that of the backbone
    std: tuple[float, float, float] | None = None  # BGR standard deviation of images in 0..1; null: the backbone's
    # what changes the training images, in this order, each with its arguments, see docs/transforms.md; null: off
    transforms: dict[str, Any] = field(default_factory=lambda: deepcopy(TRANSFORMS))
    workers: int = 2  # loader processes; 0: load in the training process
    timeout: int = 600  # seconds without a batch, or a word of another process, until it counts as hung; 0: never
    on_error: Literal["stop", "skip"] = "stop"  # a bad record or image: stop with a sentence, or skip and count
    # keep what was read of an annotation file of 16 MB or more for the next start, in ~/.cache/cornernet or where
    # XDG_CACHE_HOME says
    cache: bool = True


@dataclass
class Train:
    """The course of the training."""

    steps: int = 500_000  # optimiser steps
    batch_size: int = 49  # images per optimiser step, over all processes
    accumulate: int = 1  # parts into which each process splits its share of a batch
    lr: float = 2.5e-4  # peak learning rate
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"  # sgd has momentum 0.9
    weight_decay: float = 0.0  # of weights; norms and biases have none
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "step"  # shape of the learning rate over the steps
    warmup_steps: int = 0  # steps of linear warm-up
    # steps after which `step` multiplies the rate by gamma
    milestones: list[int] = field(default_factory=lambda: [450_000])
    gamma: float = 0.1  # see milestones
    # steps in a row whose loss or gradient is not finite, each left out, after which the run stops
    max_nonfinite_steps: int = 10
    clip_norm: float | None = None  # largest norm of the gradient; null: no clipping
    ema: float | None = None  # decay of the averaged weights that are evaluated; null: off
    precision: Precision = "fp32"  # auto: bf16 if the hardware has it; fp16: GPU only
    device: Literal["auto", "cpu"] = "auto"  # auto: a GPU if there is one
    channels_last: bool = True  # memory layout of the convolutions; off: the one of PyTorch's tensors
    compile: bool = False  # torch.compile the network
    # keep a part of the features for the gradient, an eighth of Hourglass-104's, and compute the others twice
    gradient_checkpointing: bool = False
    freeze_norm: bool = False  # BatchNorm uses its running statistics, as it must for equality over process counts
    # parts of the network that stay as they are, statistics too: [backbone.stem], see docs/fine_tuning.md
    freeze: list[str] = field(default_factory=list)
    # factors of the rate for parts of the network, {backbone: 0.1}; the longest name counts
    lr_factors: dict[str, float] = field(default_factory=dict)
    log_every: int = 20  # steps between rows of the log; 0: only where the run saves
    eval_every: int = 5000  # steps between evaluations; 0: only at the end
    # steps between rows of gradients.csv: how strongly each term of the loss pulls at the shared features; 0: none
    gradients_every: int = 0
    save_every: int = 500  # steps between saves of last.pt; 0: only where the run is evaluated
    # evaluations in a row without a better figure of the metric after which the run ends; null: at its last step alone
    patience: int | None = None
    val_loss_images: int = 200  # validation images on which every evaluation measures the loss as well; 0: none
    metric: str = "AP"  # figure whose best value makes best.pt, see `list metrics`; or the dotted path of your own
    # what is told of the run: names, see `list callbacks`, or dotted paths of your own
    callbacks: list[str] = field(default_factory=list)
    resume: str = ""  # auto: go on from last.pt in work_dir if there is one; or a checkpoint's path
    init: str = ""  # file of weights, of which the run starts with what fits, see docs/fine_tuning.md


@dataclass
class Nms:
    """How overlapping detections are thinned out."""

    # diou: hard, but spares boxes whose centres lie apart; merge: soft-NMS that averages boxes
    name: Literal["soft_gaussian", "soft_linear", "hard", "diou", "merge", "none"] = "soft_gaussian"
    iou: float = 0.5  # overlap beyond which hard and diou suppress and linear decays
    sigma: float = 0.5  # width of the Gaussian decay
    min_score: float = 0.001  # boxes below are dropped
    weight_exp: float = 10.0  # exponent of the scores as weights in merge


@dataclass
class ScoreWeights:
    """What a box's score is made of, see `cornernet.detectors.corner.scores`: exponents, and the distance's factor."""

    corner: float = 1.0  # of the score of its corners
    pair: float = 1.0  # of the region stage's word on the pair
    region: float = 1.0  # of its word on the class
    distance: float = 0.0  # that of the corners is multiplied by exp(-distance x tag distance)


@dataclass
class Centre:
    """What the boxes of a detector with a branch for centres need one for, and what it does to their score."""

    # first: the best of the unflipped image, else of the flipped; best: of both
    choose: Literal["first", "best"] = "first"
    # all: centres of the flipped image count for the unflipped one too, those of scale 1 for the other scales; own: no
    views: Literal["own", "all"] = "own"
    small: float = 3.0  # a centre must lie in the middle 1/small of both sides of a box
    large: float = 5.0  # the same for boxes above `area`
    area: float = 22500.0  # pixels, of the input with views=own, of the image with all


@dataclass
class Slices:
    """Large images are cut into overlapping tiles, each of which is predicted as an image of its own."""

    size: tuple[int, int] | None = None  # height and width of a tile in pixels of the image, or one number; null: off
    overlap: float = 0.2  # share of a tile, in height and width, that the next one shows too; at least
    whole: bool = True  # predict the image as a whole too, resized, for objects that no tile holds


@dataclass
class Saccade:
    """A glance at the image made small, then a look at crops of data.input_size where attention and boxes point.

    For detectors with model.attention.sizes; lists are by their maps, coarse to fine.
    """

    sides: list[int] = field(default_factory=list)  # longer sides of the image in a glance, [192, 255]; empty: off
    crops: int = 30  # most of an image
    attention: float = 0.3  # score from which a peak of an attention map is looked at
    box: float = 0.5  # score from which a box of the glance is looked at
    keep: float = 0.3  # score from which a box of the glance is an answer itself
    zooms: list[float] = field(default_factory=lambda: [1.0, 2.0, 4.0])  # of a look at a map's peak, to the glance's
    targets: list[float] = field(default_factory=lambda: [192.0, 64.0, 24.0])  # longer side of a box in its crop
    most: float = 4.0  # largest zoom of the image itself; attention of a glance of half as much is not looked at


@dataclass
class Test:
    """How detections are made, in evaluation and prediction."""

    batch_size: int = 1  # images at once, where their sizes agree
    precision: Precision = "fp32"  # of the network; auto: bf16 if the hardware has it; fp16: GPU only
    scales: list[float] = field(default_factory=lambda: [1.0])  # zoom factors whose detections are pooled
    flip: bool = True  # pool with the detections of the flipped image
    slices: Slices = field(default_factory=Slices)
    saccade: Saccade = field(default_factory=Saccade)
    top_k: int = 100  # corners of each kind kept; anchors of each level; points
    kernel: int = 3  # side of the window in which a corner or point must be the maximum
    ae_threshold: float = 0.5  # largest tag distance of a pair
    # distance keeps every pair within ae_threshold, the assignments at most one a corner, the best in all
    grouping: Literal["distance", "sinkhorn", "hungarian"] = "distance"
    num_dets: int = 1000  # pairs, or anchors, kept before NMS
    # mean of the two corner scores, or their geometric one; cpn: the published formula behind a region stage
    score: Literal["mean", "geometric", "cpn"] = "mean"
    weights: ScoreWeights = field(default_factory=ScoreWeights)
    centre: Centre = field(default_factory=Centre)
    nms: Nms = field(default_factory=Nms)
    max_per_image: int = 100  # detections kept per image, and looked at by the COCO figures
    # what computes them; auto: the fastest installed, see the extra fast-eval
    backend: Literal["auto", "pycocotools", "faster_coco_eval", "hotcoco"] = "auto"
    # detections below are not drawn; null: the score of their class's best F1 that the checkpoint holds, else 0.3
    draw_score: float | None = None
    # width of the lines of boxes in drawings, pixels; null: by the sizes of image and box, thinner in a crowd
    draw_line: int | None = None
    # names and scores in drawings; auto: all but those that would hide another or a box; all; none
    draw_labels: Literal["auto", "all", "none"] = "auto"
    report: bool = True  # whether every evaluation leaves report/index.html
    report_images: int = 5000  # images that it lists at most


@dataclass
class Config:
    """Everything a run can be told."""

    seed: int = 317  # of weights, order and augmentation
    work_dir: str = ""  # folder of the run; empty: runs/<config name>, numbered when taken
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    loss: Losses = field(default_factory=Losses)
    train: Train = field(default_factory=Train)
    test: Test = field(default_factory=Test)
    # not a key: what of `loss` the user typed, see `elsewhere.typed`; the rest may have come from a checkpoint
    typed: frozenset[str] = field(default=frozenset(), compare=False, repr=False, metadata={"omegaconf_ignore": True})
    # not a key either: the overrides as typed, of which each must have its place
    overrides: tuple[str, ...] = field(default=(), compare=False, repr=False, metadata={"omegaconf_ignore": True})
