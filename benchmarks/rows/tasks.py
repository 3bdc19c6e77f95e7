"""The steady update of tasks that are no classification, timed inside a run, against bare loops."""

from __future__ import annotations

from benchmarks.bars import Bar, ratio, same
from benchmarks.baselines import fashion, tokens
from benchmarks.commands import BF16, clocked, module
from benchmarks.harness import Row

QUIET = ("dataset.val_fraction=0", "dataset.drop_last=true", "trainer.val_every_epochs=null")

BYTES = (
    *QUIET,
    "dataset=token_file",
    f"dataset.path={tokens.path()}",
    "dataset.block_size=64",
    "dataset.random=true",
    "dataset.batch_size=16",
    "model._target_=benchmarks.workloads.ByteModel",
    "task._target_=benchmarks.workloads.NextByte",
    "optimizer=adamw",
    "trainer.steps=400",
)
TEXT, TEXT_BF16 = clocked("sweepboard", *BYTES), clocked("sweepboard bf16", *BYTES, BF16)
TEXT_WORDS = ("--batch", "16", "--updates", "400")
TEXT_LOOP = module("bare loop", "baselines.bare_tasks", "language_model", *TEXT_WORDS)
TEXT_LOOP_BF16 = module("bare loop bf16", "baselines.bare_tasks", "language_model_bf16", *TEXT_WORDS)

LANGUAGE_MODEL_ROW = Row(
    "language-model",
    "tokens per second of a byte language model, 16 x 64 tokens of a packed memmap, with logging",
    "bare loop as nanoGPT's",
    arms=(TEXT, TEXT_LOOP, TEXT_BF16, TEXT_LOOP_BF16),
    bars=(
        Bar("time of an update", ratio("update_us", TEXT, TEXT_LOOP), most=1.03),
        Bar("time of an update in bf16", ratio("update_us", TEXT_BF16, TEXT_LOOP_BF16), most=1.03),
    ),
    gates=(same("updates", TEXT, TEXT_LOOP, TEXT_BF16, TEXT_LOOP_BF16),),
    in_turns=True,
    prepare=(tokens.pack,),
    tried="in turns in one process the learner takes 1.00 to 1.06 of the bare loop's time (3 processes). "
    "Sampled by perf (one thread, 400 updates, before the packed file), both spend their time in the same "
    "kernels of MKL: processes differ by their layout in memory and the machine's phases more than the arms.",
)

OPTIMIZER = "{_target_:torch.optim.Adam,lr:2e-4,fused:true}"
GAN = clocked(
    "sweepboard",
    *QUIET,
    "dataset=fashion_mnist",
    "dataset.batch_size=128",
    "trainer.limit_test_batches=1",
    "model._target_=benchmarks.workloads.Gan",
    "task._target_=benchmarks.workloads.Adversarial",
    "optimizer=null",
    f"+optimizer.generator={OPTIMIZER}",
    f"+optimizer.critic={OPTIMIZER}",
    "trainer.steps=3000",
)
GAN_LOOP = module("bare loop", "baselines.bare_tasks", "gan", "--batch", "128", "--updates", "3000")

GAN_ROW = Row(
    "gan",
    "updates per second of a GAN of dense layers, batch 128, with logging",
    "bare tuned loop",
    arms=(GAN, GAN_LOOP),
    bars=(Bar("time of an update", ratio("update_us", GAN, GAN_LOOP), most=1.03),),
    gates=(same("updates", GAN, GAN_LOOP),),
    in_turns=True,
    prepare=(fashion.root,),
    tried="in turns in one process a run takes 1.03 to 1.06 of the bare loop's time (6 processes), where two "
    "bare loops side by side differ by up to 1.04. The learner alone takes 1.00 to 1.01 of it; the rest "
    "turns bytes into normalised floats, which the bare loop has in memory from the start. Clearing "
    "gradients before or after an update makes no difference.",
)

WORDS = ("--batch", "64", "--updates", "3000")
TABLE = clocked(
    "sweepboard",
    *QUIET,
    "dataset._target_=benchmarks.workloads.table",
    "dataset.classes=2",
    "dataset.batch_size=64",
    "model._target_=benchmarks.workloads.tabular_model",
    "trainer.limit_test_batches=1",
    "trainer.steps=3000",
)
TABLE_LOOP = module("bare loop", "baselines.bare_tasks", "tabular", *WORDS)
TABLE_LIGHTNING = module("Lightning", "baselines.lightning_table", *WORDS)
TABLE_KERAS = module("Keras 3 on torch", "baselines.keras_table", *WORDS)

TABULAR_ROW = Row(
    "tabular",
    "updates per second of an MLP over a table, batch 64, with logging",
    "bare tuned loop, Lightning, Keras 3",
    arms=(TABLE, TABLE_LOOP, TABLE_LIGHTNING, TABLE_KERAS),
    bars=(
        Bar("time of an update, against the bare loop", ratio("update_us", TABLE, TABLE_LOOP), most=1.05),
        Bar("times faster than Lightning", ratio("update_us", TABLE_LIGHTNING, TABLE), least=4.0),
        Bar("times faster than Keras", ratio("update_us", TABLE_KERAS, TABLE), least=3.0),
    ),
    in_turns=True,
    gates=(same("updates", TABLE, TABLE_LOOP, TABLE_LIGHTNING, TABLE_KERAS),),
    tried="in turns in one process a run takes 1.01 to 1.07 of the bare loop's time (6 processes): about "
    "24 us more for an update of 460 to 1,000 us.",
)
