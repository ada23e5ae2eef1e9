"""The look of the page: one style sheet, light and dark, that needs nothing from outside."""

CSS = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #d8dee4; --paper: #ffffff;
  --panel: #f6f8fa; --accent: #2563a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --quiet: #9aa4ae; --line: #30363d; --paper: #0d1117;
  --panel: #161b22; --accent: #6cb0f5; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-size: 16px; }
main, header { max-width: 1180px; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { max-width: 75ch; margin: .4rem 0 .9rem; }
.quiet, figcaption, nav { color: var(--quiet); font-size: .92rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-top: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1rem 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.7rem; line-height: 1.2; font-weight: 600; }
.card span { color: var(--quiet); font-size: .85rem; }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 8px; max-width: 60rem; }
.long { max-height: 40rem; }
.wide { width: fit-content; max-width: 100%; } .wide .text { min-width: 16rem; }
.wide th, .wide td { padding: .35rem .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
tr:last-child td, tr:last-child th { border-bottom: 0; }
thead th { position: sticky; top: 0; background: var(--panel); font-weight: 600; }
th button { all: unset; cursor: pointer; font: inherit; }
th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th button::after { content: "\\2002"; }
[aria-sort=ascending] button::after { content: "\\25B4"; }
[aria-sort=descending] button::after { content: "\\25BE"; }
.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 6rem; }
.key { text-align: left; }
.bar { display: inline-block; width: 7rem; height: .5rem; margin-right: .7rem; background: var(--line);
  border-radius: 4px; overflow: hidden; }
.swatch { display: inline-block; width: .8rem; height: .8rem; margin-right: .5rem; border-radius: 3px;
  border: 1px solid var(--quiet); vertical-align: -.05rem; }
.bar i { display: block; height: 100%; background: var(--accent); }
figure { margin: 1rem 0 1.6rem; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: 8px; }
.plot img[src^="data:image/svg"] { background: var(--paper); }
.plot img { padding: .5rem; box-sizing: content-box; max-width: calc(100% - 1rem - 2px); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(29rem, 100%), 1fr)); gap: 0 1.2rem; }
.gallery figure { margin: .5rem 0 1rem; }
.note { border-left: 4px solid var(--accent); background: var(--panel); padding: .6rem .9rem; border-radius: 4px; }
summary { cursor: pointer; } summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
figcaption { margin-top: .4rem; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); font-weight: 600; }
li { overflow-wrap: anywhere; }
footer { max-width: 1180px; margin: 3rem auto 0; padding: 1rem 1.5rem 2.5rem; color: var(--quiet);
  font-size: .85rem; }
@media (max-width: 40rem) {
  main, header { padding: 0 .8rem; } .bar { display: none; } th, td { padding: .3rem .5rem; }
  figure { overflow-x: auto; } figure img { max-width: none; width: 40rem; } .plot img { max-width: none; } }
@media print { .long { max-height: none; } nav { display: none; } figure { break-inside: avoid; } }
"""
