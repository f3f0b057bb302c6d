"""Draws docs/restart-storm.svg from what the test of the storm counted (needs matplotlib):

HEARTH_STORM=FOLDER swift test --filter RestartStormTests && python3 tools/plot_restart_storm.py FOLDER
"""

import csv
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

CLIENTS = 10_000
ROOT = Path(__file__).resolve().parent.parent
TITLES = {
    "outage": "The server is away for 60 s, then accepts everybody",
    "capacity": "The server is away for 60 s, then accepts 100 in a second",
}


# The columns of the files, with how each is drawn.
CURVES = [
    ("min(1 s · 2ⁿ + 0…1 s, 30 s)", {"color": "#b0413e", "linewidth": 0.9}),
    ("reconnect_policy=crowd, at most 60 s", {"color": "#c98a1b", "linewidth": 1.1}),
    ("reconnect_policy=adaptive, the default", {"color": "#1f6f8b", "linewidth": 1.4}),
]


def read(path: Path) -> list[list[float]]:
    """What per cent of all clients tried in each second, by each of the policies."""
    with path.open() as file:
        rows = [[int(cell) for cell in row] for row in csv.reader(file)]
    adaptive, crowd, clipped = ([100 * row[column] / CLIENTS for row in rows] for column in (1, 2, 3))
    return [clipped, crowd, adaptive]


def draw(axes: plt.Axes, name: str, curves: list[list[float]]) -> None:
    for (label, style), curve in zip(CURVES, curves):
        axes.step(range(len(curve)), curve, where="post", label=label, **style)
    for share in (3, 8):
        axes.axhline(share, color="#777777", linewidth=0.8, linestyle="--")
    axes.axvspan(0, 60, color="#000000", alpha=0.05, linewidth=0)
    axes.set_yscale("log")
    axes.set_ylim(0.02, 150)
    axes.set_xlim(0, 240 if name == "outage" else 400)
    axes.set_yticks([0.1, 1, 3, 8, 100], ["0.1 %", "1 %", "3 %", "8 %", "100 %"])
    axes.minorticks_off()
    axes.set_title(TITLES[name], loc="left", fontsize=10)
    axes.set_ylabel("attempts in a second,\nof 10,000 clients")
    axes.text(1, 0.025, "server away", color="#555555", fontsize=8)


def main() -> None:
    folder = Path(sys.argv[1])
    plt.rcParams.update({"svg.hashsalt": "hearth", "font.family": "sans-serif", "font.size": 9})
    figure, both = plt.subplots(2, 1, figsize=(8, 6), constrained_layout=True)
    for axes, name in zip(both, TITLES):
        curves = read(folder / f"{name}.csv")
        draw(axes, name, curves)
        for (label, _), curve in zip(CURVES, curves):
            last = max(second for second, share in enumerate(curve) if share)
            worst = f"{max(curve[1:]):.2f} % after the first second, {max(curve[20:]):.2f} % after the 20th"
            print(f"{name}, {label}: at most {worst}; last attempt in second {last}")
    both[1].set_xlabel("seconds since the server went")
    both[0].legend(loc="upper right", fontsize=8)
    figure.savefig(ROOT / "docs/restart-storm.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
