"""Which cfg and which weights: from the flags to a plan that says how to load the detector, without loading it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from pose_contract.errors import ConfigError, WeightsError
from stage_kit.networks.device import require_gpu
from stage_kit.networks.int8 import calibration_of
from stage_kit.networks.precision import EMBEDDED, choose_precision, engine_in_words
from stage_kit.weights.published import is_there, missing_weights_error, require_published, sha256_of, weights_folder
from yolo_stage.darknet import DarknetNetwork, check_weights_file, person_class, read_network
from yolo_stage.detector import Detector
from yolo_stage.detector_plan import DEFAULT_CONF_THRES, DetectorPlan
from yolo_stage.engines.choice import choose_engine, plug_in
from yolo_stage.loading import Loading
from yolo_stage.options import ModelOptions
from yolo_stage.other_detectors import plan_other_detector

MODELS = Path(__file__).parent / "models"
LITE = MODELS / "lite"
DEFAULT_MODEL = "yolov3"


def plan_detector(options: ModelOptions) -> DetectorPlan:
    """Finds and checks the files, and chooses the engine.

    Raises:
        ConfigError: a cfg that is wrong or that no engine honours.
        WeightsError: weights that are missing or do not fit the cfg.
        UsageError: a device that is not there.
    """
    require_gpu(options.device)
    if options.detector != "yolo":
        return plan_other_detector(options)
    cfg, weights, note = find_model_files(options)
    network = read_network(cfg)
    if options.img_size is not None:
        network = network.with_input_size(options.img_size)
    check_weights_file(network, weights)
    person = person_class(network, options.class_path)
    engine, why = choose_engine(options.engine, network, weights, options.device)
    weights_sha256 = sha256_of(weights)
    require_published(weights, weights_sha256, options.trust)
    precision, why_precision = choose_precision(options.precision, engine, weights_sha256)
    loading = Loading(network, weights, person, options.device, precision)
    return DetectorPlan(
        model=cfg.stem,
        weights_sha256=weights_sha256,
        model_def_sha256=hashlib.sha256(network.text.encode()).hexdigest(),
        person_class=person,
        input_size=network.input_size,
        conf_thres=network.conf_thres or DEFAULT_CONF_THRES,
        engine=engine,
        why=f"{note}, {engine_in_words(engine, precision, options.device)}",
        precision=precision,
        load=lambda samples: _load(engine, replace(loading, samples=samples)),
        batches_at_once=2 if engine == "openvino" else 1,
        details=f"{cfg.stem} of {weights}; engine {engine}: {why}; {precision}: {why_precision}",
        calibration=(lambda: _calibration(network, weights_sha256)) if precision == "int8" else None,
        rectangular=network.rectangular,
    )


def _calibration(network: DarknetNetwork, weights_sha256: str) -> str:
    from yolo_stage.engines.openvino import cache_key

    return calibration_of(cache_key(network, weights_sha256))


def _load(engine: str, loading: Loading) -> Detector:
    if engine == "openvino":
        from yolo_stage.engines.openvino import load_detector

        return load_detector(loading)
    if engine == "opencv":
        from yolo_stage.engines import opencv

        return opencv.load_detector(loading)
    plugged_in = plug_in(engine)
    assert plugged_in is not None, "choose_engine has found it"
    detector: Detector = plugged_in.load()(loading)
    return detector


def convert_embedded() -> None:
    """Converts the embedded network for OpenVINO into the cache: run when a container's image is built."""
    plan_detector(ModelOptions(weights="lite", engine="openvino", device="cpu", precision="fp32")).load(tuple)


def find_model_files(options: ModelOptions) -> tuple[Path, Path, str]:
    """The cfg, the weights, and a note that says which they are.

    Explicit weights are taken as they are and never replaced. Without them the published ones are looked for, and with
    `auto` the embedded lite ones stand in for a default network that has not been fetched.
    """
    if options.model_def is not None and not options.model_def.is_file():
        raise ConfigError(f"no network definition {options.model_def}", "check --model_def")
    if options.weights_path is not None:
        weights = options.weights_path
        if not is_there(weights):
            raise WeightsError(f"no weights file {weights}", "check --weights_path / --checkpoint_model")
        cfg = options.model_def or _cfg_for(weights)
        return cfg, weights, f"weights {weights}"
    if options.weights == "lite":
        return *lite_files(), EMBEDDED
    cfg = options.model_def or MODELS / f"{DEFAULT_MODEL}.cfg"
    name = f"{cfg.stem}.weights"
    beside = (cfg.with_suffix(".weights"),) if options.model_def else ()
    places = (*beside, weights_folder() / name)
    found = next((path for path in places if is_there(path)), None)
    if found is not None:
        return cfg, found, f"weights {found}"
    if options.weights == "auto" and options.model_def is None and LITE.is_dir():
        return *lite_files(), EMBEDDED
    raise missing_weights_error(name, places)


def _cfg_for(weights: Path) -> Path:
    """The cfg that goes with a weights file: of the same name beside it, else ours of that name, else YOLOv3's."""
    ours = MODELS / f"{weights.stem}.cfg"
    candidates = (weights.with_suffix(".cfg"), ours, MODELS / f"{DEFAULT_MODEL}.cfg")
    return next(path for path in candidates if path.is_file())


def lite_files() -> tuple[Path, Path]:
    """Cfg and weights of the embedded network. Raises ConfigError where this version carries none."""
    for cfg in sorted(LITE.glob("*.cfg")):
        return cfg, cfg.with_suffix(".weights")
    raise ConfigError("this version carries no embedded lite weights", "fetch the published ones: make weights")
