"""`--explain`: every step of one photo as a picture, and every candidate of a link as a line of a table. Pure."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from openpose_stage.decode import Decoded, decode, decode_single
from openpose_stage.draw import (
    Cell,
    Picture,
    add_dot,
    add_line,
    add_text,
    cell_of,
    hue,
    of_value,
    sheet_of,
    with_field,
    with_heat,
    with_regions,
)
from openpose_stage.estimate import Reading
from openpose_stage.fitting import Fit
from openpose_stage.links import IN_WORDS, Verdict
from openpose_stage.maps import Maps
from openpose_stage.persons import NOBODYS
from openpose_stage.points import regions, smoothed
from stage_kit.pictures.images import encode_jpeg

CELL, WHOLE = 420, 1400  # pixels: the width of a sheet's cell, and of a sheet that is one picture
_GREY = (150, 150, 150)
MOST_DRAWN, MOST_ROWS = 150, 20_000  # candidates of a link that are drawn, and in the table; the best ones


def explained(picture: Picture, fit: Fit, maps: Maps, reading: Reading) -> dict[str, bytes]:
    """The files of `results.SHEETS` for one photo."""
    small, large = (cell_of(picture, fit, reading.stride, width) for width in (CELL, WHOLE))
    decoded = decode(maps, reading.layout, reading.rules)
    drawn = {
        "1-confidence.jpg": confidence_sheet(small, maps, decoded, reading),
        "2-regions.jpg": regions_sheet(small, maps, decoded, reading),
        "3-points.jpg": points_sheet(large, decoded, reading),
        "4-fields.jpg": fields_sheet(small, maps, reading),
        "5-links.jpg": links_sheet(small, decoded, reading),
        "6-persons.jpg": persons_sheet(large, maps, decoded, reading),
    }
    sheets = {name: encode_jpeg(sheet) for name, sheet in drawn.items()}
    return sheets | {"5-links.csv": links_table(decoded, reading).encode()}


def confidence_sheet(cell: Cell, maps: Maps, decoded: Decoded, reading: Reading) -> Picture:
    """Every part's map over the photo, with its points."""
    cells, captions = [], []
    for part, name in enumerate(reading.layout.skeleton.keypoints):
        drawn, ids = with_heat(cell, maps.heatmaps[part]), decoded.points.of(part)
        for place in cell.places(decoded.points.xy[ids]):
            add_dot(drawn, place, (255, 255, 255), 2)
        cells.append(drawn)
        captions.append(f"{part} {name}: max {maps.heatmaps[part].max():.2f}, {len(ids)} points")
    return sheet_of(cells, captions)


def regions_sheet(cell: Cell, maps: Maps, decoded: Decoded, reading: Reading) -> Picture:
    """The connected regions over the threshold, and the points: in two people whose regions touch they differ."""
    cells, captions = [], []
    searched = smoothed(maps.heatmaps, reading.rules.points)
    for part, name in enumerate(reading.layout.skeleton.keypoints):
        count, labels = regions(searched[part], reading.rules.points.threshold)
        drawn, ids = with_regions(cell, labels, count), decoded.points.of(part)
        for place in cell.places(decoded.points.xy[ids]):
            add_dot(drawn, place, (255, 255, 255), 2)
        cells.append(drawn)
        captions.append(f"{part} {name}: {count} regions, {len(ids)} points")
    return sheet_of(cells, captions)


def points_sheet(cell: Cell, decoded: Decoded, reading: Reading) -> Picture:
    """All points with their ids and scores, a colour for each part."""
    drawn, points, parts = cell.picture.copy(), decoded.points, reading.layout.parts
    for point, place in enumerate(cell.places(points.xy)):
        add_dot(drawn, place, hue(int(points.part[point]), parts), 4)
        add_text(drawn, f"{point} {points.score[point]:.2f}", place)
    return sheet_of([drawn], [f"{len(points)} points: id and score, a colour for each of {parts} parts"])


def fields_sheet(cell: Cell, maps: Maps, reading: Reading) -> Picture:
    """Every link's field over the photo."""
    cells, captions = [], []
    for number, link in enumerate(reading.layout.links):
        field = maps.fields[link.field : link.field + 2]
        cells.append(with_field(cell, field))
        longest = float(np.linalg.norm(field, axis=0).max())
        captions.append(f"{number} {reading.layout.name_of(number)}: max {longest:.2f}")
    return sheet_of(cells, captions)


def links_sheet(cell: Cell, decoded: Decoded, reading: Reading) -> Picture:
    """The candidates of every link: their samples from red to green, and a line in green where one is a link."""
    cells, captions, found = [], [], decoded.candidates
    places = cell.places(decoded.points.xy)
    for number in range(len(reading.layout.links)):
        drawn = np.asarray(0.5 * cell.picture + 64, np.uint8)
        rows = np.flatnonzero(found.link == number)
        linked = found.verdict[rows] == Verdict.LINKED
        order = np.lexsort((found.mean[rows], linked))[-MOST_DRAWN:]
        for row in rows[order]:
            is_link = found.verdict[row] == Verdict.LINKED
            ends = places[[found.a[row], found.b[row]]]
            add_line(drawn, ends, (20, 160, 40) if is_link else _GREY, 3 if is_link else 1)
            for part, value in zip(np.linspace(0, 1, found.samples.shape[1]), found.samples[row], strict=True):
                add_dot(drawn, ends[0] + part * (ends[1] - ends[0]), of_value(float(value)), 2)
            if is_link:
                add_text(drawn, f"{found.mean[row]:.2f}", ends.mean(axis=0))
        cells.append(drawn)
        captions.append(f"{number} {reading.layout.name_of(number)}: {linked.sum()} of {len(rows)} candidates")
    return sheet_of(cells, captions)


def links_table(decoded: Decoded, reading: Reading) -> str:
    """Every candidate: link, points, samples, mean, count of good ones, and why it is none."""
    found = decoded.candidates
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    samples = [f"sample_{number}" for number in range(found.samples.shape[1])]
    writer.writerow(["link", "name", "a", "b", *samples, "mean", "good", "verdict"])
    best = np.lexsort((-found.mean, found.verdict != Verdict.LINKED))[:MOST_ROWS]
    for row in np.sort(best):
        number = int(found.link[row])
        values = [f"{value:.4f}" for value in (*found.samples[row], found.mean[row])]
        told = [found.good[row], IN_WORDS[Verdict(int(found.verdict[row]))]]
        writer.writerow([number, reading.layout.name_of(number), found.a[row], found.b[row], *values, *told])
    return lines.getvalue()


def persons_sheet(cell: Cell, maps: Maps, decoded: Decoded, reading: Reading) -> Picture:
    """Everybody in a colour of their own, with their total; fragments, who do not count, in grey."""
    drawn, layout = cell.picture.copy(), reading.layout
    if reading.single:
        xy, scores = decode_single(maps, reading.rules)
        _add_person(drawn, cell.places(xy[0]), scores[0] > 0, reading, hue(0, 1))
        return sheet_of([drawn], [f"one person: the highest place of each map, {(scores > 0).sum()} of {layout.parts}"])
    for who, (row, counts) in enumerate(zip(decoded.assembled, decoded.counts, strict=True)):
        ids = row[:-1].astype(np.int64)
        known, color = ids != NOBODYS, hue(who, len(decoded.assembled)) if counts else _GREY
        places = np.zeros((layout.parts, 2))
        places[known] = cell.places(decoded.points.xy[ids[known]])
        _add_person(drawn, places, known, reading, color)
        add_text(drawn, f"{who}: {known.sum()} points, {row[-1]:.2f}", places[known][0], 0.5)
    return sheet_of([drawn], [f"{decoded.counts.sum()} people, {(~decoded.counts).sum()} fragments in grey; totals"])


def _add_person(
    canvas: Picture,
    places: NDArray[np.float64],
    known: NDArray[np.bool_],
    reading: Reading,
    color: tuple[int, int, int],
) -> None:
    for link in reading.layout.links:
        if known[link.a] and known[link.b] and not link.only_adds:
            add_line(canvas, places[[link.a, link.b]], color, 3)
    for place in places[known]:
        add_dot(canvas, place, color, 4)
