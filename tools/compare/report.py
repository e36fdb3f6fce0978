"""What the calls were like: a table in docs/compare.md, between its two marks, and a plot of it, docs/compare.svg."""
import statistics
from pathlib import Path

BEGIN, END = "<!-- figures: written by tools/compare/run -->", "<!-- end of figures -->"
# Those that are measured against, and ours beside them in the plot.
THEIRS = (("wrtc", "wrtc"), ("chromium", "chromium"))
OURS = (("handset --frame-ms 10",) * 2, ("handset",) * 2)
COLOURS = {"handset": "#0b6e4f", "wrtc": "#c8553d", "chromium": "#3d6cb9"}
CLEAN_SHARE, SHARE, MAX_KBPS, RATING_AHEAD = 0.5, 0.6, 64, 5


class Grid:
    """Calls by pair and network."""

    def __init__(self, calls):
        self.cells = {}
        for call in calls:
            self.cells.setdefault((call["a"], call["b"]), {}).setdefault(call["network"], []).append(call)

    def values(self, pair, network, take):
        return [take(call) for call in self.cells.get(pair, {}).get(network, [])]

    def median(self, pair, network, take):
        values = self.values(pair, network, take)
        return statistics.median(values) if values else None

    def best(self, network, take, better):
        """The better of the two that are measured against."""
        medians = [self.median(pair, network, take) for pair in THEIRS]
        medians = [median for median in medians if median is not None]
        return better(medians) if medians else None


def above(call):
    return call["above_path_ms"]


def delay(call):
    return call["delay_ms"]["mean"]


def pesq(call):
    return call["pesq_wb"]


def rating(call):
    return call["rating"]


def kbps(call):
    return call["kbps"]


def name(pair):
    a, b = (words.replace(" --frame-ms ", ", ") + (" ms" if "--frame-ms" in words else "") for words in pair)
    return a if a == b else f"{a} to {b}"


def spread(values, digits=0):
    """The median, and from least to most."""
    if not values:
        return "-"
    median, least, most = (f"{f(values):.{digits}f}" for f in (statistics.median, min, max))
    return median if least == most else f"{median} ({least}-{most})"


def table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def figures(grid, networks):
    rows = [["network", "from, to", "calls", "delay ms", "95 %", "above the path ms", "PESQ-WB", "R", "concealed %", "kbit/s"]]
    for network in networks:
        for pair in grid.cells:
            def shown(take, digits=0):
                return spread(grid.values(pair, network, take), digits)
            if not grid.values(pair, network, delay):
                continue
            concealed = [call["receiver"]["concealed_percent"] for call in grid.cells[pair][network] if call["receiver"]]
            count = str(len(grid.cells[pair][network]))
            rows.append([network, name(pair), count, shown(delay), shown(lambda call: call["delay_ms"]["p95"]), shown(above),
                         shown(pesq, 2), shown(rating), spread(concealed, 1), shown(kbps)])
    return table(rows)


def goals(grid, networks):
    """Ours beside the better of theirs, and whether that is what was asked for."""
    rows = [["network", "handset", "delay above the path, of the better of theirs", "PESQ-WB", "R", "kbit/s", "reached"]]
    for network, what in networks.items():
        theirs = {take: grid.best(network, take, better) for take, better in ((above, min), (pesq, max), (rating, max))}
        for pair in ours(grid):
            mine = {take: grid.median(pair, network, take) for take in (above, pesq, rating, kbps)}
            if None in mine.values() or None in theirs.values():
                continue
            ratio = mine[above] / theirs[above]
            checks = {"kbit/s": mine[kbps] <= MAX_KBPS}
            if "stall" in what:
                checks["R"] = mine[rating] >= theirs[rating] + RATING_AHEAD
            elif network == "clean":
                checks["delay"] = ratio <= CLEAN_SHARE
            else:
                checks |= {"delay": ratio <= SHARE, "PESQ": mine[pesq] >= theirs[pesq]}
            missed = [check for check, reached in checks.items() if not reached]
            rows.append([network, name(pair).removeprefix("handset, ").replace("handset", "as it chooses"), f"{ratio:.2f}",
                         f"{mine[pesq]:.2f} ({mine[pesq] - theirs[pesq]:+.2f})",
                         f"{mine[rating]:.0f} ({mine[rating] - theirs[rating]:+.0f})", f"{mine[kbps]:.1f}",
                         "all" if not missed else "not " + ", ".join(missed)])
    return table(rows)


def ours(grid):
    return [pair for pair in grid.cells if pair[0] == pair[1] and pair[0].startswith("handset")]


def processor(grid):
    rows = [["program", "speaks, ms per s", "hears, ms per s", "both"]]
    for pair, cells in grid.cells.items():
        used = [call["processor_ms_per_s"] for calls in cells.values() for call in calls]
        used = [one for one in used if {"a", "b"} <= one.keys()]
        if pair[0] != pair[1] or not used:
            continue
        for suffix, remark in (("", ""), ("_without_feeding", ", without the thread that feeds it")):
            if not all("a" + suffix in one for one in used):
                continue
            a, b = ([one[role + suffix] for one in used] for role in "ab")
            rows.append([name(pair) + remark, spread(a), spread(b), spread([x + y for x, y in zip(a, b)])])
    return table(rows)


def write(calls, networks, docs):
    grid = Grid(calls)
    parts = [goals(grid, networks), figures(grid, networks), processor(grid)]
    page = Path(docs / "compare.md")
    before, _, rest = page.read_text().partition(BEGIN)
    headings = ("## Beside the better of the two", "## Every pair", "## Processor time")
    written = "\n\n".join(f"{heading}\n\n{part}" for heading, part in zip(headings, parts))
    page.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{rest.partition(END)[2]}")
    # Calls from one program to another stand in the table alone.
    if any(pair in grid.cells for pair in (*OURS, *THEIRS)):
        (docs / "compare.svg").write_text(plot(grid, networks))


# ---- the plot: for each network a column, delay above the path over speech quality -------------------------------------

LEFT, COLUMN, TOP, HEIGHT, GAP = 60, 110, 46, 170, 46


def plot(grid, networks):
    pairs = [pair for pair in (*OURS, *THEIRS) if pair in grid.cells]
    names = [network for network in networks if any(grid.values(pair, network, above) for pair in pairs)]
    width, height = LEFT + COLUMN * len(names) + 10, TOP + 2 * HEIGHT + GAP + 30
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']
    for number, pair in enumerate(pairs):
        x = LEFT + 150 * number
        drawn.append(mark(pair, x, 16) + f'<text x="{x + 10}" y="20">{name(pair)}</text>')
    most = max(max(grid.values(pair, network, above), default=0) for pair in pairs for network in names)
    panels = ((TOP, "delay above the path, ms", above, 0, most * 1.05), (TOP + HEIGHT + GAP, "PESQ-WB", pesq, 1, 4.6))
    for top, title, take, low, high in panels:
        drawn += panel(grid, pairs, names, top, title, take, (low, high))
    for column, network in enumerate(names):
        x = LEFT + COLUMN * (column + 0.5)
        drawn.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle">{network}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def panel(grid, pairs, names, top, title, take, span):
    low, high = span

    def y(value):
        return top + HEIGHT * (1 - (value - low) / (high - low))

    right = LEFT + COLUMN * len(names)
    yield f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{title}</text>'
    step = next(step for step in (0.5, 1, 10, 20, 50, 100, 200) if (high - low) / step <= 8)
    for line in range(int(low / step), int(high / step) + 1):
        at = y(line * step)
        yield f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{line * step:g}</text>'
    for column, network in enumerate(names):
        for number, pair in enumerate(pairs):
            values = grid.values(pair, network, take)
            if not values:
                continue
            x = LEFT + COLUMN * column + COLUMN * (number + 1) / (len(pairs) + 1)
            colour = COLOURS[pair[0].split()[0]]
            yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(min(values)):.1f}" y2="{y(max(values)):.1f}" '
                   f'stroke="{colour}" stroke-width="3"/>')
            yield mark(pair, x, y(statistics.median(values)))


def mark(pair, x, y):
    """A disc; ours with frames of 10 ms is a ring."""
    colour = COLOURS[pair[0].split()[0]]
    fill = "white" if pair[0].endswith(" 10") else colour
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
