"""Guess from the name of a scalar whether it measures a result, and whether larger or smaller is better.

The vocabulary is from the tags that trainers and metric libraries log: transformers, Lightning, Keras,
Composer, torchtitan, MMEngine, detectron2, Ultralytics, YOLOX, PaddleX, nnU-Net, fairseq, ESPnet, NeMo,
Megatron, stable-baselines3, RLlib, CleanRL, TRL, ML-Agents, torchmetrics and scikit-learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

MIN, MAX, UNKNOWN = "min", "max", "unknown"
"""The direction in which a metric gets better."""

SPEED = "train/samples_per_second"
"""The tag of the speed of training."""

VALIDATION = frozenset(("val", "valid", "validation", "dev", "eval", "evaluation"))
TEST = frozenset(("test", "testing"))
TRAINING = frozenset(("train", "training"))

LAST_TEST, BEST_TEST = "test/", "test_best/"
"""How the tags of a test of the last weights begin, and of one of the best weights.

Parentheses, as in tables, could not be typed in `--where` without quotes, and MLflow refuses them.
"""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LOWER = _set(
    """err mae mse rmse rmsle msle mape smape wape mase nrmse mre nll ppl perplexity wer cer mer eer der
    ter ece mce fid kid fvd fad kl jsd bpb bpc bpd brier cost distance dist divergence regret lpips
    dists niqe huber crps pinball hd hausdorff asd assd msd masd absrel sqrel silog ade fde minade
    minfde nme epe mpjpe hamming xent bce crossentropy logloss deviance residual fpr fnr far frr false
    chamfer emd wasserstein levenshtein mcd violation violations misclassification minadefde mbe rae rse
    ergas tre collisions collision"""
)
_HIGHER = _set(
    """acc aacc macc accuracy accuracies top f fbeta fscore fmeasure dice dsc iou miou giou fwiou jaccard
    precision recall prec sensitivity specificity auc auroc rocauc auprc aupr prauc auprg ap map mmap ar
    mar bleu sacrebleu rouge rougel rougelsum meteor cider spice chrf bertscore comet psnr ssim msssim
    vif rsquared pearson pearsonr spearman spearmanr corr correlation kendall concordance mcc matthews
    kappa qwk ndcg mrr hit hits reward rewards rew return returns success win winrate elo score
    likelihood elbo similarity stoi pesq sdr sisdr sisnr snr mos purity nmi ari silhouette homogeneity
    completeness gmean hmean pck oks pq hota mota idf uas las tpr tnr ppv npv correct solved pass r ccc
    lccc lift gini margin margins"""
)
_PAIRS = {
    MIN: (
        "cross entropy", "abs rel", "sq rel", "bits per", "bit per", "exit code", "edit distance", "hd 95",
        "min ade", "min fde",
    ),
    MAX: ("exact match", "explained variance", "true positive", "true negative"),
}  # fmt: skip
"""Phrases whose single words have no direction."""

_NEVER = _set(
    """lr lrs lrate learningrate norm norms gnorm gradnorm runtime mem gpu cpu vram ram cuda hbm throughput
    fps sps tps wps ups ips qps tflops flops gflops flos mfu hfu eta elapsed ooms oom second seconds sec
    secs ms timings timestamp timestamps timer timers wd decay coef coeff coefficient clipfrac clipped
    scaler bsz wpb gb gib mb mib util utilization utilisation watts bandwidth num nbatches epsilon
    profiler"""
)
"""Clocks, speeds, memory, norms, learning rates: never a result, whatever the rest of the tag."""

_NEVER_TOGETHER = (
    "learning rate",
    "weight decay",
    "batch cost",
    "reader cost",
    "hp metric",
    "per second",
    "loss scale",
)

_NOT_ALONE = _set(
    """time memory momentum speed clip duration latency wall clock scale parameters zeros temperature power
    energy timing fan"""
)
"""Not a result, unless the tag also has a word that is: `speed_mae`, `clip_score`."""

_USUALLY_NOT = _set(
    """time times epoch epochs step steps iter iters iteration iterations global batch batches size count
    counter counts total n tokens samples frames examples episodes updates timesteps seen consumed len
    length lengths ep episode episodic mean avg max min std current trainer progress percent grad grads
    gradient gradients weight weights bias biases beta beta1 beta2 gamma alpha eps lambda range param
    params rank world data loading s ratio done pid restore"""
)
"""Counters, lengths and neutral words: a tag of only these is not a result."""

_PLACES = _set("perf timer timers timing gpu cpu system memory throughput hardware device wall_clock lr lrs")
"""Tag prefixes under which nothing is a result."""

_CHUNK = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_LOSS = ("loss", "error", "errors")
_ENDS = ("accuracy", "auroc", "iou", "ap50", "ap75", "reward", "bleu")


def with_weights(tag: str, several: bool) -> str:
    """Return a test metric named with its weights: `test/accuracy (last)`, `test/accuracy (best)`.

    `several` says whether a run has best weights that are not its last ones; other tags stay as they are.
    """
    if tag.startswith(BEST_TEST):
        return f"{LAST_TEST}{tag.removeprefix(BEST_TEST)} (best)"
    return f"{tag} (last)" if several and tag.startswith(LAST_TEST) else tag


def named_tests(metrics: Mapping[str, float], improved_before_end: bool) -> dict[str, float]:
    """Return the test metrics, each named with its weights if the best ones are not the last."""
    prefixes = (BEST_TEST, LAST_TEST) if improved_before_end else (LAST_TEST,)
    return {
        with_weights(tag, improved_before_end): value
        for prefix in prefixes
        for tag, value in metrics.items()
        if tag.startswith(prefix)
    }


def tagged(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics by their tags, which begin with `prefix`."""
    return {f"{prefix}{name}": value for name, value in metrics.items()}


@lru_cache(maxsize=4096)
def words(tag: str) -> tuple[str, ...]:
    """Split a tag into words: `train/valLoss_epoch` gives train, val, loss, valloss, epoch.

    Numbers at the end of a word are dropped.
    """
    found: dict[str, None] = {}
    for chunk in _CHUNK.findall(tag):
        for word in (*_CAMEL.findall(chunk), chunk):
            found |= dict.fromkeys((word.lower(), word.lower().rstrip("0123456789") or word.lower()))
    return tuple(found)


@lru_cache(maxsize=4096)
def direction(tag: str) -> str:
    """Return `MIN`, `MAX` or `UNKNOWN`; the last part of the tag counts before the parts around it."""
    last = _direction(tag.rpartition("/")[2])
    return last if last != UNKNOWN else _direction(tag)


def _direction(text: str) -> str:
    found = words(text)
    if is_loss(text):
        return MAX if "neg" in found else MIN  # scikit-learn's scores: neg_mean_squared_error
    negated = "neg" in found or ("negative" in found and "likelihood" in found)
    if not _LOWER.isdisjoint(found) or _together(text, _PAIRS[MIN]) or found == ("per",):
        return MAX if negated else MIN
    if not _HIGHER.isdisjoint(found) or _together(text, _PAIRS[MAX]) or _ends(found, _ENDS):
        return MIN if negated else MAX
    return UNKNOWN


def is_loss(tag: str) -> bool:
    """Return whether a tag names a loss or an error."""
    return _ends(words(tag), _LOSS) or "losses" in words(tag.rpartition("/")[2])


@lru_cache(maxsize=4096)
def is_result(tag: str) -> bool:
    """Return whether a tag measures a result, not a clock, counter, speed, size, norm or learning rate."""
    found, (*places, _) = words(tag), tag.lower().split("/")
    if not _NEVER.isdisjoint(found) or _together(tag, _NEVER_TOGETHER):
        return False
    if not _PLACES.isdisjoint(places) or places[:1] in (["best"], ["val_best"], ["time"]):
        return False
    last = words(tag.rpartition("/")[2])
    is_neutral = bool(last) and _USUALLY_NOT.issuperset(last)  # a tag of punctuation has no words
    return direction(tag) != UNKNOWN or (_NOT_ALONE.isdisjoint(found) and not is_neutral)


def tag_of(name: str) -> str:
    """Return the tag of a metric of a run's record: `val/<name>`, or the name itself if it has a slash.

    A slash in front stands for a tag that has none.
    """
    return name.removeprefix("/") if "/" in name else f"val/{name}"


def name_of(tag: str) -> str:
    """Return the name of a tag in a run's record, of which `tag_of` makes the tag again."""
    rest = tag.removeprefix("val/")
    if "/" not in rest:
        return rest if rest != tag else f"/{tag}"
    return tag


def validation_name(name: str) -> str:
    """Return the name in a run's record of a metric that is measured in validation."""
    return name_of(f"val/{name}")


def without_split(name: str) -> str:
    """Return the name of a metric of a run's record as a task gives it, for any split."""
    return name.removeprefix("val/")


def column_of(name: str) -> str:
    """Return the tag of a metric's best value: `val_best/<name>`."""
    place, slash, rest = tag_of(name).partition("/")
    return f"{place}_best/{rest}" if slash else f"best/{place}"


def mode_of(tag: str, modes: Mapping[str, str] | None = None) -> str:
    """Return a metric's direction: from `modes`, or else from its name; `min`, `max` or `unknown`."""
    return (modes or {}).get(tag) or direction(tag)


def metric_tags(tags: Iterable[str], primary_metric: str | None = None) -> list[str]:
    """Return the tags that measure a result, the most important first.

    Learning rate, epoch, throughput and `val_best/…` are not metrics. Order: held-out data before training
    data, validation before test, the primary metric first, then other metrics, then losses, then those of
    unknown direction; tests of the best weights before those of the last.
    """
    return [*_metric_tags(frozenset(tags), primary_metric)]


@lru_cache(maxsize=512)  # the runs of a sweep have the same tags
def _metric_tags(tags: frozenset[str], primary_metric: str | None) -> list[str]:
    return sorted(filter(is_result, tags), key=lambda tag: _rank(tag, primary_metric))


@lru_cache(maxsize=4096)
def is_training(tag: str) -> bool:
    """Return whether a tag is of the training data."""
    return not TRAINING.isdisjoint(words(tag))


def _rank(tag: str, primary_metric: str | None) -> tuple[bool, bool, int, int, bool, str]:
    tag_words = words(tag)
    held_out = 0 if not VALIDATION.isdisjoint(tag_words) else 1 if not TEST.isdisjoint(tag_words) else 2
    clarity = 2 if direction(tag) == UNKNOWN else 1 if is_loss(tag) else 0
    primary = without_split(primary_metric or "").removeprefix("/")
    is_other = not primary or not f"/{tag}".endswith(f"/{primary}")
    return is_training(tag), is_other, clarity, held_out, tag.startswith(LAST_TEST), tag


def _ends(found: tuple[str, ...], ends: tuple[str, ...]) -> bool:
    return any(word.endswith(ends) for word in found)


def _together(text: str, pairs: tuple[str, ...]) -> bool:
    spaced = f" {' '.join(part.lower() for chunk in _CHUNK.findall(text) for part in _CAMEL.findall(chunk))} "
    return any(f" {pair} " in spaced or f" {pair.replace(' ', '')} " in spaced for pair in pairs)
