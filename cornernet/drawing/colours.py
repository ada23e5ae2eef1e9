"""The colour of a class, the same in every image, plot and page."""

import colorsys
from functools import cache

# Okabe, Ito: Color universal design, 2008, red, green, blue, without black: told apart with any colour vision, and in
# the order in which the first few lie farthest apart for all of them
SAFE = (
    (0, 114, 178), (213, 94, 0), (240, 228, 66), (86, 180, 233), (204, 121, 167), (230, 159, 0), (0, 158, 115),
)  # fmt: skip


@cache
def colour(label: int) -> tuple[int, int, int]:
    """BGR of a class: the first ones safe for colour-blind readers, further ones far from their neighbours."""
    label = int(label)
    if 0 <= label < len(SAFE):
        red, green, blue = SAFE[label]
        return blue, green, red
    hue = (0.58 + label * 0.61803398875) % 1  # steps of the golden ratio never come close to an earlier hue soon
    rgb = colorsys.hsv_to_rgb(hue, (0.85, 0.55, 1.0)[label % 3], (1.0, 0.95, 0.8)[label % 3])
    red, green, blue = (round(255 * part) for part in rgb)
    return blue, green, red
