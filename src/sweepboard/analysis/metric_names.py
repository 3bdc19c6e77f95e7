"""What the name of a scalar says: whether it measures a result at all, and which way is better.

The words are those that trainers and metric libraries log by: of transformers, Lightning, Keras, Composer,
torchtitan, MMEngine, detectron2, Ultralytics, YOLOX, PaddleX, nnU-Net, fairseq, ESPnet, NeMo, Megatron,
stable-baselines3, RLlib, CleanRL, TRL, ML-Agents; of torchmetrics and scikit-learn.
"""

from __future__ import annotations

import re
from functools import lru_cache

MIN, MAX, UNKNOWN = "min", "max", "unknown"
"""Which way is better."""

VALIDATION = frozenset(("val", "valid", "validation", "dev", "eval", "evaluation"))
TEST = frozenset(("test", "testing"))
TRAINING = frozenset(("train", "training"))


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
"""Words that say something only together."""

_NEVER = _set(
    """lr lrs lrate learningrate norm norms gnorm gradnorm runtime mem gpu cpu vram ram cuda hbm throughput
    fps sps tps wps ups ips qps tflops flops gflops flos mfu hfu eta elapsed ooms oom second seconds sec
    secs ms timings timestamp timestamps timer timers wd decay coef coeff coefficient clipfrac clipped
    scaler bsz wpb gb gib mb mib util utilization utilisation watts bandwidth num nbatches epsilon
    profiler"""
)
"""Clocks, speeds, memory, norms, learning rates: none is a result, whatever stands beside it."""

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
"""None is a result unless something is said of it that is: `speed_mae`, `clip_score`."""

_USUALLY_NOT = _set(
    """time times epoch epochs step steps iter iters iteration iterations global batch batches size count
    counter counts total n tokens samples frames examples episodes updates timesteps seen consumed len
    length lengths ep episode episodic mean avg max min std current trainer progress percent grad grads
    gradient gradients weight weights bias biases beta beta1 beta2 gamma alpha eps lambda range param
    params rank world data loading s ratio done pid restore"""
)
"""Nor is a tag of nothing but these: counters and lengths, and words that say nothing."""

_PLACES = _set("perf timer timers timing gpu cpu system memory throughput hardware device wall_clock lr lrs")
"""Folders of tags in which nothing is a result."""

_CHUNK = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_LOSS = ("loss", "error", "errors")
_ENDS = ("accuracy", "auroc", "iou", "ap50", "ap75", "reward", "bleu")


@lru_cache(maxsize=4096)
def words(tag: str) -> tuple[str, ...]:
    """`train/valLoss_epoch` is train, val, loss, valloss, epoch; numbers at an end are left out, too."""
    found: dict[str, None] = {}
    for chunk in _CHUNK.findall(tag):
        for word in (*_CAMEL.findall(chunk), chunk):
            found |= dict.fromkeys((word.lower(), word.lower().rstrip("0123456789") or word.lower()))
    return tuple(found)


def direction(tag: str) -> str:
    """`MIN`, `MAX` or `UNKNOWN`; what the last part of the tag says counts before the parts around it."""
    last = _direction(tag.rpartition("/")[2])
    return last if last != UNKNOWN else _direction(tag)


def _direction(text: str) -> str:
    said = words(text)
    if is_loss(text):
        return MAX if "neg" in said else MIN  # scikit-learn's scores: neg_mean_squared_error
    negated = "neg" in said or ("negative" in said and "likelihood" in said)
    if not _LOWER.isdisjoint(said) or _together(text, _PAIRS[MIN]) or said == ("per",):
        return MAX if negated else MIN
    if not _HIGHER.isdisjoint(said) or _together(text, _PAIRS[MAX]) or _ends(said, _ENDS):
        return MIN if negated else MAX
    return UNKNOWN


def is_loss(tag: str) -> bool:
    """Whether a tag is of a loss or an error."""
    return _ends(words(tag), _LOSS) or "losses" in words(tag.rpartition("/")[2])


def is_result(tag: str) -> bool:
    """Whether a tag measures a result, and is no clock, counter, speed, size, norm or learning rate."""
    said, (*places, _) = words(tag), tag.lower().split("/")
    if not _NEVER.isdisjoint(said) or _together(tag, _NEVER_TOGETHER):
        return False
    if not _PLACES.isdisjoint(places) or places[:1] in (["best"], ["time"]):
        return False
    last = words(tag.rpartition("/")[2])
    says_nothing = bool(last) and _USUALLY_NOT.issuperset(last)  # in signs alone there are no words
    return direction(tag) != UNKNOWN or (_NOT_ALONE.isdisjoint(said) and not says_nothing)


def _ends(said: tuple[str, ...], ends: tuple[str, ...]) -> bool:
    return any(word.endswith(ends) for word in said)


def _together(text: str, pairs: tuple[str, ...]) -> bool:
    spaced = f" {' '.join(part.lower() for chunk in _CHUNK.findall(text) for part in _CAMEL.findall(chunk))} "
    return any(f" {pair} " in spaced or f" {pair.replace(' ', '')} " in spaced for pair in pairs)
