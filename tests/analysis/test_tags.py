"""What the names of scalars say, by the tag lists of the tools that write them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from sweepboard.cli import main
from sweepboard.metric_names import metric_tags, mode_of

NO_RESULTS = {
    "transformers": ["eval/runtime", "eval/samples_per_second", "eval/steps_per_second", "train/total_flos",
                     "train/train_runtime", "train/epoch", "train/grad_norm", "train/learning_rate",
                     "train/num_input_tokens_seen", "eval/model_preparation_time"],
    "Ultralytics": ["lr/pg0", "lr/pg2", "model/GFLOPs", "model/parameters", "model/speed_PyTorch(ms)"],
    "MMEngine": ["lr", "base_lr", "data_time", "time", "memory", "iter", "epoch", "grad_norm"],
    "torchtitan": ["grad_norm", "throughput(tps)", "tflops", "mfu(%)", "memory/num_ooms", "n_tokens_seen",
                   "time_metrics/end_to_end(s)", "time_metrics/data_loading(%)", "memory/max_active(GiB)"],
    "stable-baselines3": ["rollout/ep_len_mean", "time/fps", "time/total_timesteps", "train/n_updates",
                          "train/clip_range", "train/clip_fraction", "eval/mean_ep_length"],
    "Composer": ["wall_clock/total", "time/batch", "lr-AdamW/group0", "throughput/device/samples_per_sec"],
    "Keras": ["epoch_learning_rate", "batch_steps_per_second"],
    "torch": ["learning rate", "Learning Rate", "epoch_time", "weights_norm", "Time/epoch", "GPU/util"],
    "Lightning": ["epoch", "hp_metric", "lr-Adam-momentum", "grad_2.0_norm_total", "trainer/global_step"],
    "fairseq": ["wps", "ups", "bsz", "gnorm", "loss_scale", "num_updates", "train_wall", "gb_free"],
    "ESPnet": ["iter_time", "optim0_lr0", "gpu_max_cached_mem_GB"],
    "NeMo": ["consumed_samples", "train_step_timing in s", "batch-size", "params-norm", "world-size"],
    "detectron2": ["eta_seconds", "rank_data_time", "roi_head/num_bg_samples"],
    "CleanRL": ["charts/SPS", "charts/episodic_length", "charts/epsilon", "losses/clipfrac"],
    "RLlib": ["ray/tune/time_this_iter_s", "ray/tune/perf/cpu_util_percent", "ray/tune/episode_len_mean"],
    "nnU-Net": ["lrs", "epoch_start_timestamps"],
    "PaddleX": ["TRAIN/ips", "avg_batch_cost", "reader_cost"],
}  # fmt: skip
LOWER = """eer lpips huber nrmse smape crps hd95 assd abs_rel minADE kid neg_log_likelihood hamming eval/loss
    metrics/eval/CrossEntropy val/wer valLoss epoch_loss perplexity loss/train/total val_losses brier_score
    minFDE_k6 val/PER fid50k loss_dice false_positive_rate bits_per_dim val/nll CharErrorRate wind_speed_mae
    val/energy_mae"""
HIGHER = """bleu rouge/rougeL metrics/mAP50-95(B) val/mIoU dice psnr ssim rollout/ep_rew_mean val/f1 val/r2
    top5 Accuracy/test charts/episodic_return ray/tune/episode_reward_mean val/COCOAP50_95 coco/bbox_mAP
    bbox/AP50
    neg_mean_squared_error log_likelihood mean_fg_dice explained_variance rewards/accuracies pass@1 hits@10
    MulticlassAUROC val/F1Score exact_match clip_score"""
UNKNOWN = ["losses/entropy", "losses/q_values", "val/foo", "logits/chosen", "损失", "maestro"]


@pytest.mark.parametrize("tool", NO_RESULTS)
def test_no_clock_counter_norm_or_learning_rate_is_a_metric(tool: str) -> None:
    assert metric_tags(NO_RESULTS[tool]) == []


@pytest.mark.parametrize(("tags", "mode"), [(LOWER, "min"), (HIGHER, "max")])
def test_the_way_that_is_better(tags: str, mode: str) -> None:
    names = tags.split()
    assert {tag: mode_of(tag) for tag in names} == dict.fromkeys(names, mode)
    assert set(metric_tags(names)) == set(names)


def test_what_nobody_knows_comes_last_and_is_said_to_be_unknown() -> None:
    assert {mode_of(tag) for tag in UNKNOWN} == {"unknown"}
    assert metric_tags(["val/foo", "eval/loss", "loss", "bar"])[:2] == ["eval/loss", "loss"]


def log(folder: Path, curves: dict[str, list[float]]) -> None:
    with SummaryWriter(folder) as writer:
        for tag, values in curves.items():
            for step, value in enumerate(values):
                writer.add_scalar(tag, value, step)


def test_logs_of_a_language_model_are_ranked_by_their_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, loss in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
        log(
            tmp_path / name,
            {"eval/loss": [4.0, loss], "eval/runtime": [loss], "train/grad_norm": [1.0, loss]},
        )
    assert main(["compare", str(tmp_path)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert "best eval/loss" in header
    assert "runtime" not in header
    assert [line.split()[-1] for line in lines] == ["b", "c", "a"]


def test_no_best_is_claimed_where_nobody_knows_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("a", 1.0), ("b", 3.0)):
        log(tmp_path / name, {"val/foo": [2.0, value]})
    assert main(["compare", str(tmp_path), "--plot", str(tmp_path / "p.png")]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "last val/foo (unknown which is better)"
    assert [line.split()[0] for line in lines] == ["1", "3"]
    assert main(["compare", str(tmp_path), "--json", "--sort", "foo", "--reverse"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["b", "a"], "who asks for an order gets one, of the last values"
    assert rows[0]["metrics"]["val/foo"] | {"last": 0} == {
        "mode": "unknown",
        "best": None,
        "last": 0,
        "step": None,
    }


def test_folders_of_add_scalars_and_add_hparams_are_no_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, lr in (("a", 0.1), ("b", math.nan)):
        with SummaryWriter(tmp_path / name) as writer:
            for step in range(3):
                writer.add_scalars("my/loss", {"train": lr, "val": step}, step)
            writer.add_hparams({"lr": lr, "none": "x"}, {"hparam/score": 1.0}, run_name="settings")
    assert main(["compare", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == {"a", "b"}
    assert set(rows[0]["metrics"]) == {"my/loss/train", "my/loss/val", "hparam/score"}
    assert set(rows[0]["differing"]) == {"lr"}


@pytest.mark.parametrize(
    "name", ["ppo_seed{}", "lr=0.1,seed={}", "deep/Seed-{}/logs", "CartPole__ppo__{}__1700000000"]
)
def test_seeds_in_names_are_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for seed in (1, 2):
        log(tmp_path / name.format(seed), {"val/loss": [1.0 * seed]})
        log(tmp_path / "other" / f"seeded{seed}", {"val/loss": [5.0]})
    assert main(["compare", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [[run["seed"] for run in row["runs"]] for row in rows] == [[1, 2], [None], [None]]


def test_what_is_odd_in_a_log_is_shown_or_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for number, values in enumerate(([math.nan, math.nan], [math.nan], [math.inf, math.nan])):
        log(tmp_path / f"odd-{number}", {"val/loss": values})
    with SummaryWriter(tmp_path / "no-steps") as writer:
        for value in (3.0, 2.0, 1.0):
            writer.add_scalar("val/loss", value)
    assert main(["compare", str(tmp_path)]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    found = {line.split()[-1]: line.split()[:2] for line in lines}
    odd = {f"odd-{number}": ["nan", "nan"] for number in range(3)}
    assert found == odd | {"no-steps": ["1", "0"]}, header
    assert "no-steps: all 3 points of val/loss are at one step" in caplog.text
