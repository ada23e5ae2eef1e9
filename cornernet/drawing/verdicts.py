"""Right, wrong, missed: how boxes of each kind look on a page, by colour and by dash, and the list that holds them."""

from typing import NamedTuple


class Kind(NamedTuple):
    """How boxes of a kind look, and what they are."""

    colour: str  # after Okabe and Ito, Color universal design, 2008, bright enough for the dark halo that all have
    dash: str  # of the line, in pixels of the screen
    meaning: str
    drawn: bool = True  # before anyone chose


KINDS = {
    "right": Kind("#56b4e9", "none", "an object, under its class"),
    "wrong": Kind("#ff7a1a", "9 4", "found where no object is, or found twice"),
    "confused": Kind("#e58ac0", "9 3 2 3", "an object under another class"),
    "missed": Kind("#f0e442", "2 3", "an object that was not found"),
    "annotated": Kind("#ffffff", "none", "where the objects that were found are annotated", drawn=False),
    "ignored": Kind("#b8b8b8", "1 5", "a crowd, or found in one: not counted"),
}
HIDDEN = " ".join(f"no-{name[0]}" for name, kind in KINDS.items() if not kind.drawn)  # classes of a list at first

CSS = """
.choose fieldset { border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; margin: 0 0 1rem;
  display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; min-width: 0; }
.choose label { display: inline-flex; gap: .4rem; align-items: center; max-width: 100%; font-size: .92rem; }
.choose select, .choose input:not([type=checkbox]), dialog button, .more { font: inherit; color: var(--ink);
  background: var(--panel); border: 1px solid var(--quiet); border-radius: 5px; padding: .15rem .4rem;
  max-width: 14rem; }
.choose input[type=number] { width: 4.5rem; } .choose output { color: var(--quiet); font-size: .92rem; }
.legend { flex-basis: 100%; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
.legend label { flex-wrap: wrap; color: var(--quiet); } .legend b { color: var(--ink); }
.legend svg { width: 44px; height: 18px; background: #3a3f45; border-radius: 4px; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: 1rem; }
.shots.wide { grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }
.shots figure { margin: 0; overflow: hidden; } .shots figcaption { font-size: .85rem; margin-top: .25rem; }
.shots button { all: unset; display: flex; gap: 2px; width: 100%; cursor: zoom-in; background: #202428;
  border-radius: 6px; overflow: hidden; }
.shots button:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; }
.pane { position: relative; flex: 1; aspect-ratio: 4 / 3; min-width: 0; }
.pane img, .pane svg { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; border: 0;
  background: none; border-radius: 0; max-width: none; }
.pane svg, .legend svg { filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000); }
.pane em { position: absolute; left: 0; top: 0; padding: 0 .4rem; font: .8rem system-ui; background: #202428;
  color: #fff; }
.pane rect, .legend rect { fill: none; pointer-events: all; stroke-width: 2px; vector-effect: non-scaling-stroke; }
.pane rect:hover { fill: #ffffff30; } rect.a { stroke-width: 1px; }
dialog { border: 0; padding: .6rem .8rem; width: 96vw; max-width: 96vw; max-height: 96vh; background: var(--paper);
  color: var(--ink); border-radius: 8px; } dialog::backdrop { background: #000b; }
.tools { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; } dialog p { margin: .4rem 0 0; }
.more { margin: 1rem 0; } .tools [name=close] { margin-left: auto; } dialog button { cursor: pointer; }
dialog button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.stage { display: flex; flex-wrap: wrap; gap: 4px; margin-top: .5rem; }
.stage .pane { height: 78vh; aspect-ratio: auto; min-width: min(22rem, 100%); background: #202428; }
.stage text { stroke: #000; paint-order: stroke; font-family: system-ui, "DejaVu Sans", sans-serif; }
.no-names text { display: none; }
"""
CSS += "".join(
    f"rect.{name[0]} {{ stroke: {kind.colour}; stroke-dasharray: {kind.dash}; }} "
    f"text.{name[0]} {{ fill: {kind.colour}; }} .no-{name[0]} .pane .{name[0]} {{ display: none; }}\n"
    for name, kind in KINDS.items()
)
