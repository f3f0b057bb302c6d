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


def read(path: Path) -> tuple[list[float], list[float]]:
    """What per cent of all clients tried in each second: by our policy, by the formula that clips."""
    with path.open() as file:
        rows = [[int(cell) for cell in row] for row in csv.reader(file)]
    return [100 * row[1] / CLIENTS for row in rows], [100 * row[2] / CLIENTS for row in rows]


def draw(axes: plt.Axes, name: str, ours: list[float], clipped: list[float]) -> None:
    axes.step(range(len(clipped)), clipped, where="post", color="#b0413e", linewidth=0.9)
    axes.step(range(len(ours)), ours, where="post", color="#1f6f8b", linewidth=1.3)
    axes.axhline(3, color="#777777", linewidth=0.8, linestyle="--")
    axes.axvspan(0, 60, color="#000000", alpha=0.05, linewidth=0)
    axes.set_yscale("log")
    axes.set_ylim(0.02, 150)
    axes.set_xlim(0, 240 if name == "outage" else 400)
    axes.set_yticks([0.1, 1, 3, 10, 100], ["0.1 %", "1 %", "3 %", "10 %", "100 %"])
    axes.minorticks_off()
    axes.set_title(TITLES[name], loc="left", fontsize=10)
    axes.set_ylabel("attempts in a second,\nof 10,000 clients")
    axes.text(1, 0.025, "server away", color="#555555", fontsize=8)


def main() -> None:
    folder = Path(sys.argv[1])
    plt.rcParams.update({"svg.hashsalt": "hearth", "font.family": "sans-serif", "font.size": 9})
    figure, both = plt.subplots(2, 1, figsize=(8, 6), constrained_layout=True)
    for axes, name in zip(both, TITLES):
        ours, clipped = read(folder / f"{name}.csv")
        draw(axes, name, ours, clipped)
        worst = max(ours[1:]), max(clipped[1:])
        print(f"{name}: after the first second at most {worst[0]:.2f} %, clipped {worst[1]:.2f} %")
    both[1].set_xlabel("seconds since the server went")
    labels = ["min(1 s · 2ⁿ + 0…1 s, 30 s)", "Hearth's defaults, attempts without end"]
    both[0].legend(labels, loc="upper right", fontsize=8)
    figure.savefig(ROOT / "docs/restart-storm.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
