from __future__ import annotations

from xml.etree import ElementTree

from jano_core.simulation.picture import COLOURS, draw
from jano_core.strategies.fifo import Fifo
from jano_core.strategies.greedy import Greedy

from .stories import call, model, play, trace

SVG = "{http://www.w3.org/2000/svg}"


def test_each_load_has_a_bar_from_its_start_to_ready() -> None:
    story = trace(
        [model("A<1>"), model("B")], [call(n, 0.0, ["A<1>", "B"][n % 2]) for n in range(4)]
    )
    runs = [play(Greedy(), story), play(Fifo(), story)]
    picture = ElementTree.fromstring(draw(runs))
    bars = [bar for bar in picture.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    loading = [bar for bar in bars if bar.get("fill") == COLOURS["starting"]]
    assert len(loading) == sum(len(run.loads) for run in runs) == 6
    words = "".join(text.text or "" for text in picture.iter(f"{SVG}text"))
    assert "story: greedy" in words
    assert "A<1>" in words


def test_the_depth_reaches_the_top_where_most_wait() -> None:
    story = trace([model("A")], [call(n, 1.0, "A") for n in range(5)])
    picture = ElementTree.fromstring(draw([play(Greedy(), story)]))
    (area,) = picture.iter(f"{SVG}polygon")
    heights = [float(point.split(",")[1]) for point in (area.get("points") or "").split()]
    assert max(heights) - min(heights) == 70.0


def test_nothing_at_all_is_a_picture_too() -> None:
    ElementTree.fromstring(draw([play(Greedy(), trace([model("A")], []))]))
