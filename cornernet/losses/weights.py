"""The weight of a term where the config gives none, so that each name in a role starts with a weight that suits it."""

ROLE = {"grouping": 0.5, "feature": 0.1}  # of a mean over images or rows beside a heatmap term of 1; 1 in other roles
IOU = 2.0  # of a sum over positive anchors divided by their number, beside a classification of 1 (ATSS, GFL)
WRAPPERS = ("inner", "focaler")
AREAS = (
    *("iou", "giou", "diou", "eiou", "focal_eiou", "siou", "alpha_iou", "wiou", "mpdiou", "shape_iou", "piou", "nwd"),
    *WRAPPERS,
)  # fmt: skip
OWN = {
    # mmdetection weighs IoU and GIoU 10, CIoU 12, L1 1, where the sum is divided by all sampled boxes, not the positive
    **{("box", name): IOU for name in AREAS},
    ("box", "ciou"): 1.2 * IOU,
    ("grouping", "ae"): 0.1,  # Law, Deng 2018, whose terms are sums over the images of a GPU, 4.9 on average
    ("feature", "center"): 0.01,  # these four grow with the length of the features, about 5 in an untrained network
    ("feature", "center_invariant"): 0.01,
    ("feature", "ring"): 0.01,
    ("feature", "range"): 0.001,
}


def default_weight(role: str, name: str, given: float | None = None) -> float:
    """Role and name, or dotted path, of a loss -> factor of its term in the total: the one given if there is one."""
    return OWN.get((role, name), ROLE.get(role, 1.0)) if given is None else given
