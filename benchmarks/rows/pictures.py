"""Pictures from disk: samples per second with two workers, into a small network."""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, Round, quantity, ratio, same
from benchmarks.baselines import decoding, photographs
from benchmarks.baselines.fashion import cache
from benchmarks.commands import clocked, module
from benchmarks.harness import Row
from benchmarks.programs import opening
from benchmarks.workloads import SIDE

PASSES = 6
UPDATES = str(PASSES * (photographs.COUNT // 64))

OURS = clocked(
    "sweepboard",
    "dataset=image_folder",
    f"dataset.root={cache() / f'photographs-{photographs.COUNT}'}",
    f"dataset.image_size={SIDE}",
    "dataset.augment=resized_crop_flip",
    "dataset.workers=2",
    "dataset.batch_size=64",
    "dataset.drop_last=true",
    "dataset.val_fraction=0",
    "trainer.val_every_epochs=null",
    "model._target_=benchmarks.workloads.Glance",
    f"trainer.steps={UPDATES}",
)
TORCHVISION = module("torchvision", "baselines.picture_loops", "torchvision", "--updates", UPDATES)
TIMM = module("timm", "baselines.picture_loops", "timm", "--updates", UPDATES)
ALONE = Arm(
    "libjpeg-turbo",
    (
        (
            str(cache() / "decode_jpegs"),
            str(cache() / f"photographs-{photographs.COUNT}.txt"),
            *("2", str(PASSES), str(2 * SIDE)),
        ),
    ),
)


def _per_processor(arm: Arm, of: Arm) -> Bar:
    """How much processor time a whole command of ours takes: less noisy than the clock on a busy machine."""

    def value(given: Round) -> float:
        return given[arm.name]["cpu"] / given[of.name]["cpu"]

    return Bar(f"processor time of {arm.name} over ours", value)


FOLDER_ROW = Row(
    "pictures",
    "image folder, 500 px JPEGs, random resized crop and flip at 224 px, 2 workers, a small network",
    "torchvision's ImageFolder and v2 transforms; timm's loader; libjpeg-turbo alone, in C",
    arms=(OURS, TORCHVISION, TIMM, ALONE),
    bars=(
        Bar("samples per second over torchvision's", ratio("sample_us", TORCHVISION, OURS), least=1.5),
        Bar("samples per second over timm's", ratio("sample_us", TIMM, OURS), least=1.3),
        Bar("samples per second over decoding alone", ratio("sample_us", ALONE, OURS), least=0.85),
        _per_processor(TORCHVISION, OURS),
        _per_processor(TIMM, OURS),
    ),
    tried=(
        "processor time of a sample in one thread, in us, of 2,000: decoding down to the last row takes "
        "970 (the whole picture 1,060, libjpeg-turbo in C 1,100), scaling and mirroring 230, reading 30, "
        "normalising 80, the network 240: two cores that do all of it cannot come near decoding alone. "
        "Rows below a part are not decoded; no library for Python leaves out those above, or columns. "
        "Threads of OpenMP that wait keep a core from the workers, in all arms: OMP_WAIT_POLICY=passive "
        "made 1,907 us a sample of our 2,492, threads=1 1,939 (medians of 3 interleaved runs)."
    ),
    gates=(same("updates", OURS, TORCHVISION, TIMM),),
    rounds=5,
    prepare=(photographs.folder, decoding.prepare),
)

FIRST = module("first run", "programs.opening")
LATER = module("later run", "programs.opening", "--kept")

KEPT_ROW = Row(
    "kept-pictures",
    "from the same image folder to the first batch, pictures kept in the cache, nothing decoded",
    "the first run",
    arms=(FIRST, LATER),
    bars=(
        Bar("start, times sooner", ratio("start_s", FIRST, LATER), least=10),
        Bar("start of a later run", quantity("start_s", LATER), unit=" s"),
    ),
    rounds=5,
    prepare=(photographs.folder, opening.fill),
)
