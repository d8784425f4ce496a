"""The classifier of strokes on strokes made by formula (A15), and on one real recording."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from shots import KINDS, PLAYERS, real_shots, samples_from, stroke, synthetic_shots
from synthetic import track_of

from motion_stage.sequence import Floats, Track
from motion_stage.strokes.evaluation import evaluate, f1_of
from motion_stage.strokes.features import SCHEMA, features_at, mirrored
from motion_stage.strokes.model import StrokeClassifier, read_model, train, write_model
from motion_stage.strokes.samples import IDLE, Samples, Stretch, samples_of, with_idle
from motion_stage.strokes.spans import spans_of
from pose_contract.errors import ConfigError, UsageError


@pytest.fixture(scope="module")
def shots() -> list[tuple[Track, str, str]]:
    return synthetic_shots()


@pytest.fixture(scope="module")
def samples(shots: list[tuple[Track, str, str]]) -> Samples:
    return samples_from(shots)


def test_strokes_that_differ_are_told_apart_on_players_never_seen(samples: Samples) -> None:
    measured = evaluate(samples)
    assert measured.classes == tuple(sorted(KINDS)) and set(measured.recordings) == set(PLAYERS)
    assert measured.macro_f1 >= 0.95
    assert measured.confusion.sum() == len(samples.names)
    assert "macro-F1" in measured.as_text()


def test_shuffled_labels_are_guessed(samples: Samples) -> None:
    names = tuple(np.random.default_rng(3).permutation(np.array(samples.names)).tolist())
    shuffled = Samples(samples.features, samples.stretches, names, samples.recordings)
    assert evaluate(shuffled).macro_f1 < 2 / len(KINDS)  # chance is 1 of 5


def test_a_left_hander_who_is_said_to_be_one_is_told_as_well(shots: list[tuple[Track, str, str]]) -> None:
    others = train(samples_from([shot for shot in shots if shot[2] != PLAYERS[0]]))
    classifier = StrokeClassifier(others)
    lefties = [(mirrored(track), kind, player) for track, kind, player in shots if player == PLAYERS[0]]

    def share_right(told: Samples) -> float:
        chosen = np.argmax(classifier.probabilities(told.features), axis=1)
        right = np.array([classifier.classes.index(name) for name in told.names])[told.stretches]
        return float(np.mean(chosen == right))

    straight = share_right(samples_from([shot for shot in shots if shot[2] == PLAYERS[0]]))
    assert abs(share_right(samples_from(lefties, left_handed=True)) - straight) <= 0.02
    assert share_right(samples_from(lefties)) < straight - 0.2


def test_in_a_mirror_left_is_right() -> None:
    track = stroke("forehand", np.random.default_rng(1))
    assert (mirrored(track).point("left_wrist") == track.point("right_wrist") * (-1, 1)).all()
    assert (mirrored(mirrored(track)).keypoints_xy[:, 5:] == track.keypoints_xy[:, 5:]).all()


def test_no_player_is_both_trained_on_and_measured(samples: Samples) -> None:
    ann, others = samples.only({"ann"}), samples.only(set(PLAYERS) - {"ann"})
    assert set(ann.recordings) == {"ann"} and "ann" not in others.recordings
    assert len(ann.features) + len(others.features) == len(samples.features)
    assert ann.stretches.max() == len(ann.names) - 1


def test_equal_labels_give_an_equal_model_and_a_file_keeps_it(samples: Samples, tmp_path: Path) -> None:
    model = train(samples.only({"ann", "ben"}))
    assert model == train(samples.only({"ann", "ben"}))
    write_model(tmp_path / "strokes.json", model)
    again = read_model(tmp_path / "strokes.json")
    assert again == model and again.recordings == ("ann", "ben") and again.strokes[IDLE] == 12
    rows = samples.features[:5]
    assert (StrokeClassifier(again).probabilities(rows) == StrokeClassifier(model).probabilities(rows)).all()


def test_a_model_of_other_features_and_a_file_that_is_none_are_refused(samples: Samples, tmp_path: Path) -> None:
    model = train(samples.only({"ann"}))
    file = tmp_path / "strokes.json"
    write_model(file, model.model_copy(update={"features_sha256": "0" * 64}))
    with pytest.raises(ConfigError, match="other features"):
        read_model(file)
    file.write_text("{}")
    with pytest.raises(ConfigError, match="no model"):
        read_model(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_model(tmp_path / "missing.json")
    with pytest.raises(ConfigError, match="LightGBM cannot read"):
        StrokeClassifier(model.model_copy(update={"trees": "tree"}))


def test_without_lightgbm_one_is_told_how_to_get_it(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match="not installed") as refused:
        train(samples)
    assert "STROKES=1" in refused.value.remedy


def test_one_recording_and_one_class_teach_nothing(samples: Samples) -> None:
    with pytest.raises(UsageError, match="1 recording"):
        evaluate(samples.only({"ann"}))
    with pytest.raises(UsageError, match="only idle"):
        train(Samples(samples.features[:0], samples.stretches[:0], (IDLE,), ("ann",)))
    with pytest.raises(UsageError, match="nothing"):
        train(samples.only(set()))


def test_a_window_is_in_torso_lengths_from_the_hips_at_any_rate() -> None:
    slow, fast = (stroke("forehand", np.random.default_rng(1), fps) for fps in (30.0, 60.0))
    one, other = (features_at(track, np.array([0.5]))[0] for track in (slow, fast))
    assert one.shape == (360,) and np.isfinite(one).all()
    assert np.abs(one - other).max() < 0.2  # the jitter, and what lies between two frames
    moved = Track(**{**vars(slow), "keypoints_xy": 3 * slow.keypoints_xy + 50, "torso_px": 3 * slow.torso_px})
    assert features_at(moved, np.array([0.5]))[0] == pytest.approx(one, abs=1e-4)


def test_what_is_missing_stays_missing_and_nothing_is_made_up() -> None:
    track = stroke("forehand", np.random.default_rng(1))
    keypoints = track.keypoints_xy.copy()
    wrist = track.skeleton.keypoints.index("right_wrist")
    keypoints[10:18, wrist] = np.nan  # 0.3 s between the samples beside it
    windows = features_at(track.with_points(keypoints, track.states), np.array([0.5])).reshape(15, 12, 2)
    column = np.isnan(windows[:, 5, 0])
    assert column.tolist() == [10 <= row < 18 for row in range(8, 23)]
    assert np.isnan(windows).sum() == 2 * 8
    early = features_at(track, np.array([0.0])).reshape(15, 12, 2)
    assert np.isnan(early[:7]).all() and np.isfinite(early[7:]).all()


def test_nobody_gives_nothing_but_missing_values() -> None:
    times = np.arange(30) / 30
    empty = track_of(times, {})
    assert features_at(empty, np.empty(0)).shape == (0, 360)
    assert np.isnan(features_at(empty, times)).all()
    assert samples_of(empty, [], "ann").names == ()


def test_the_schema_knows_itself_by_its_digest() -> None:
    assert SCHEMA.digest == type(SCHEMA)().digest != type(SCHEMA)(samples=17).digest


def test_what_has_no_label_is_idle() -> None:
    strokes = [Stretch(2, 3, "forehand"), Stretch(1, 1.5, "backhand")]
    named = [(one.start_seconds, one.end_seconds, one.name) for one in with_idle(strokes, 0, 4)]
    assert named == [(0, 1, IDLE), (1, 1.5, "backhand"), (1.5, 2, IDLE), (2, 3, "forehand"), (3, 4, IDLE)]
    assert with_idle([], 0, 0) == []


def told(text: str, fps: float = 30.0) -> list[tuple[str, int, int]]:
    """Spans of one letter a frame: i idle, f forehand, b backhand, ? unknown."""
    classes = ("idle", "forehand", "backhand")
    rows: Sequence[Sequence[float]] = [
        [float(name[0] == letter) for name in classes] if letter != "?" else [np.nan] * 3 for letter in text
    ]
    probabilities: Floats = np.array(rows, dtype=float).reshape(-1, 3)
    spans = spans_of(np.arange(len(text)) / fps, probabilities, classes)
    return [(span.name[0], span.first, span.last) for span in spans]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("i" * 30, []),
        ("?" * 30, []),
        ("f", []),  # one frame is too short for a stroke
        ("i" * 10 + "f" * 10 + "i" * 10, [("f", 10, 19)]),
        ("i" * 10 + "f" * 4 + "i" * 10, []),  # a minority around each of its frames
        ("i" * 10 + "f" * 5 + "b" + "f" * 5 + "i" * 10, [("f", 10, 20)]),  # one frame is outvoted
        ("i" * 9 + "f" * 9 + "?" * 3 + "f" * 9, [("f", 9, 29)]),  # a break under 0.2 s
        ("i" * 9 + "f" * 9 + "?" * 9 + "f" * 9, [("f", 9, 17), ("f", 27, 35)]),
        ("f" * 12 + "b" * 12, [("f", 0, 11), ("b", 12, 23)]),
    ],
)
def test_spans_come_from_majorities(text: str, spans: list[tuple[str, int, int]]) -> None:
    assert told(text) == spans


def test_spans_are_counted_in_seconds() -> None:
    assert told("i" * 20 + "f" * 20 + "i" * 20, 60.0) == [("f", 20, 39)]
    assert told("i" * 20 + "f" * 8 + "i" * 20, 60.0) == []


def test_f1_of_nothing_is_0() -> None:
    assert f1_of(np.zeros((2, 2), dtype=np.int64)).tolist() == [0, 0]
    assert f1_of(np.array([[3, 1], [0, 4]])) == pytest.approx([6 / 7, 8 / 9])


def test_real_shots_of_a_recording_never_seen_are_told() -> None:
    """benchmarks/strokes.py leaves out each of the four; this trains on the two smallest."""
    shots = [shot for shot in real_shots() if shot[2] != "djoko_sock"]
    classifier = StrokeClassifier(train(samples_from([shot for shot in shots if shot[2] != "federer"])))
    measured = samples_from([shot for shot in shots if shot[2] == "federer"][::3])
    answers = classifier.probabilities(measured.features)
    right = [
        classifier.classes[int(np.argmax(answers[measured.stretches == number].mean(axis=0)))] == name
        for number, name in enumerate(measured.names)
    ]
    assert np.mean(right) >= 0.85
