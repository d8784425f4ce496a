"""The keys of the HRNet experiment format as typed, frozen records; defaults are the published ones.

Field names are the YAML's own upper-case keys, so that `config.MODEL.IMAGE_SIZE` is what a user wrote. Training keys
are read and kept, though inference does not use them: a published file must load unmodified. Beyond the published keys
there are four folders (`DATASET.ANNOTS IMAGES CUTS FINAL`), `TEST.DECODE BLUR_KERNEL CROP_CONTEXT`,
`MODEL.EXTRA.STAGE1` and the section `PEOPLE` (config_people.py).
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from hrn_stage.config_people import PeopleConfig
from hrn_stage.config_values import Count, Few, Gpus, Number, Size, Text, Truth, Whole

PUBLISHED_CONTEXT = 1.25  # the published code shows the network a quarter more than the box


class Section(BaseModel):
    """A mapping of the YAML: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CudnnConfig(Section):
    """How the published code sets up cuDNN; kept, not used: this stage always asks for the same bytes."""

    BENCHMARK: Truth = True
    DETERMINISTIC: Truth = False
    ENABLED: Truth = True


class DatasetConfig(Section):
    """Folders, colour order and the names of the keypoints; augmentation keys are training's.

    `COLOR_FACTOR`, how far colours vary in training, is this stage's own key.
    """

    ANNOTS: Text = ""
    IMAGES: Text = ""
    CUTS: Text = ""
    FINAL: Text = ""
    COLOR_FACTOR: Number = 0.0
    COLOR_RGB: Truth = False
    DATASET: Text = "mpii"
    DATA_FORMAT: Text = "jpg"
    FLIP: Truth = True
    HYBRID_JOINTS_TYPE: Text = ""
    NUM_JOINTS_HALF_BODY: Whole = 8
    PROB_HALF_BODY: Number = 0.0
    ROOT: Text = ""
    ROT_FACTOR: Number = 30
    SCALE_FACTOR: Number = 0.25
    SELECT_DATA: Truth = False
    TEST_SET: Text = "valid"
    TRAIN_SET: Text = "train"


class StageConfig(Section):
    """One stage of the network: `NUM_MODULES` modules of `NUM_BRANCHES` parallel resolutions."""

    NUM_MODULES: Few = 1
    NUM_BRANCHES: Count
    BLOCK: Literal["BASIC", "BOTTLENECK"] = "BASIC"
    NUM_BLOCKS: tuple[Few, ...]
    NUM_CHANNELS: tuple[Annotated[int, Field(strict=True, ge=1, le=4096)], ...]
    FUSE_METHOD: Literal["SUM"] = "SUM"

    @model_validator(mode="after")
    def _one_entry_per_branch(self) -> Self:
        for key in ("NUM_BLOCKS", "NUM_CHANNELS"):
            entries = getattr(self, key)
            if len(entries) != self.NUM_BRANCHES:
                raise ValueError(f"NUM_BRANCHES is {self.NUM_BRANCHES}, but {key} has {len(entries)} entries")
        return self


# The published network has this stage built in and no key for it.
PUBLISHED_STAGE1 = StageConfig(NUM_BRANCHES=1, BLOCK="BOTTLENECK", NUM_BLOCKS=(4,), NUM_CHANNELS=(64,))


class ExtraConfig(Section):
    """The architecture. Other keys are free, as published, unless they are misspelt ones of these."""

    model_config = ConfigDict(frozen=True, extra="allow")

    PRETRAINED_LAYERS: tuple[Text, ...] = ("*",)
    FINAL_CONV_KERNEL: Literal[1, 3] = 1
    STAGE1: StageConfig = PUBLISHED_STAGE1
    STAGE2: StageConfig
    STAGE3: StageConfig
    STAGE4: StageConfig

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_key(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for key in given:
                near = difflib.get_close_matches(str(key).upper(), cls.model_fields, n=1, cutoff=0.85)
                if near and key not in cls.model_fields:
                    raise PydanticCustomError("misspelt_key", "{key} is not a known key", {"key": str(key)})
        return given

    @model_validator(mode="after")
    def _one_branch_more_per_stage(self) -> Self:
        for number, stage in enumerate((self.STAGE1, self.STAGE2, self.STAGE3, self.STAGE4), start=1):
            if number != stage.NUM_BRANCHES:
                raise ValueError(f"STAGE{number} must have NUM_BRANCHES {number}, but has {stage.NUM_BRANCHES}")
        return self


class ModelConfig(Section):
    """The network: name, input and heatmap size [width, height], number of keypoints, architecture."""

    EXTRA: ExtraConfig
    HEATMAP_SIZE: Size = (64, 64)
    IMAGE_SIZE: Size = (256, 256)
    INIT_WEIGHTS: Truth = True
    NAME: Literal["pose_hrnet"] = "pose_hrnet"
    NUM_JOINTS: Count = 17
    PRETRAINED: Text = ""
    SIGMA: Number = 2
    TAG_PER_JOINT: Truth = True
    TARGET_TYPE: Literal["gaussian"] = "gaussian"

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        width, height = self.IMAGE_SIZE
        if width % 32 or height % 32:
            raise ValueError(f"IMAGE_SIZE must be divisible by 32 (the coarsest branch), but is {[width, height]}")
        if (width // 4, height // 4) != self.HEATMAP_SIZE:
            raise ValueError(
                f"HEATMAP_SIZE must be a quarter of IMAGE_SIZE {[width, height]}, that is {[width // 4, height // 4]}, "
                f"but is {list(self.HEATMAP_SIZE)}"
            )
        if self.SIGMA <= 0:
            raise ValueError(f"SIGMA must be greater than 0, but is {self.SIGMA}")
        return self


class LossConfig(Section):
    """Training's; kept."""

    TOPK: Whole = 8
    USE_DIFFERENT_JOINTS_WEIGHT: Truth = False
    USE_OHKM: Truth = False
    USE_TARGET_WEIGHT: Truth = True


class TrainConfig(Section):
    """Training. Own keys: AMP, EMA (of weights), SCHEDULE, SEED, WARMUP_EPOCHS, and the optimizer adamw."""

    AMP: Literal["bf16", "none"] = "bf16"
    BATCH_SIZE_PER_GPU: Count = 32
    BEGIN_EPOCH: Whole = 0
    CHECKPOINT: Text = ""
    EMA: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    END_EPOCH: Whole = 140
    GAMMA1: Number = 0.99
    GAMMA2: Number = 0.0
    LR: Number = 0.001
    LR_FACTOR: Number = 0.1
    LR_STEP: tuple[Whole, ...] = (90, 110)
    MOMENTUM: Number = 0.9
    NESTEROV: Truth = False
    OPTIMIZER: Literal["adam", "adamw", "sgd"] = "adam"
    RESUME: Truth = False
    SCHEDULE: Literal["step", "cosine"] = "step"
    SEED: Annotated[int, Field(strict=True, ge=0)] = 0
    SHUFFLE: Truth = True
    WARMUP_EPOCHS: Number = 0.0
    WD: Number = 0.0001


class TestConfig(Section):
    """Inference: weights, flip test, decoding. Own keys: `DECODE: dark` with its odd `BLUR_KERNEL`, and `CROP_CONTEXT`.

    That is the side of what the network sees, over the box's; training and evaluation follow it, too.
    """

    __test__ = False  # pytest takes every class named Test... for a test

    BATCH_SIZE_PER_GPU: Count = 32
    BBOX_THRE: Number = 1.0
    BLUR_KERNEL: Annotated[int, Field(strict=True, ge=1, le=101)] = 11
    COCO_BBOX_FILE: Text = ""
    CROP_CONTEXT: Annotated[Number, Field(ge=1, le=4)] = PUBLISHED_CONTEXT
    DECODE: Literal["quarter", "dark"] = "quarter"
    FLIP_TEST: Truth = False
    IMAGE_THRE: Number = 0.1
    IN_VIS_THRE: Number = 0.0
    MODEL_FILE: Text = ""
    NMS_THRE: Number = 0.6
    OKS_THRE: Number = 0.5
    POST_PROCESS: Truth = False
    SHIFT_HEATMAP: Truth = False
    SOFT_NMS: Truth = False
    USE_GT_BBOX: Truth = False

    @model_validator(mode="after")
    def _kernel_has_a_centre(self) -> Self:
        if self.BLUR_KERNEL % 2 == 0:
            raise ValueError(f"BLUR_KERNEL must be odd, but is {self.BLUR_KERNEL}")
        return self


class DebugConfig(Section):
    """What to write for the eye; the sub-switches count only when `DEBUG` is true."""

    DEBUG: Truth = False
    SAVE_BATCH_IMAGES_GT: Truth = False
    SAVE_BATCH_IMAGES_PRED: Truth = False
    SAVE_HEATMAPS_GT: Truth = False
    SAVE_HEATMAPS_PRED: Truth = False


class HrnConfig(Section):
    """A whole experiment file."""

    AUTO_RESUME: Truth = False
    CUDNN: CudnnConfig = CudnnConfig()
    DATASET: DatasetConfig = DatasetConfig()
    DATA_DIR: Text = ""
    DEBUG: DebugConfig = DebugConfig()
    GPUS: Gpus = (0,)
    LOG_DIR: Text = ""
    LOSS: LossConfig = LossConfig()
    MODEL: ModelConfig
    OUTPUT_DIR: Text = ""
    PEOPLE: PeopleConfig = PeopleConfig()
    PIN_MEMORY: Truth = True
    PRINT_FREQ: Whole = 20
    RANK: Whole = 0
    TEST: TestConfig = TestConfig()
    TRAIN: TrainConfig = TrainConfig()
    WORKERS: Annotated[int, Field(strict=True, ge=0)] = 4
