"""Check the data settings and compute split sizes before any sample is read."""

from __future__ import annotations

from collections.abc import Mapping

from sweepboard.data.order import number_of_batches
from sweepboard.data.sampling import ConfiguredSource
from sweepboard.data.types import ENDLESS, Source
from sweepboard.errors import ConfigError
from sweepboard.settings import DatasetSettings, check_values


def check_settings(settings: DatasetSettings, source: Source) -> None:
    """Raise a `ConfigError` naming the key of a setting that is invalid or does not fit `source`."""
    check_values(settings, "dataset")
    if isinstance(source, ConfiguredSource) and source.sampling and getattr(source, "is_stream", False):
        raise ConfigError(f"{source.sampling.key}: a stream has its own order; leave it out")
    spec = source.spec
    if settings.augment != "none" and getattr(source, "is_stream", False):
        raise ConfigError("dataset.augment: not for a stream; let it change its images itself")
    if settings.augment != "none" and (spec is None or not spec.is_image):
        found = (
            "are no pairs of an image and a target" if spec is None else f"have the shape {spec.input_shape}"
        )
        raise ConfigError(
            f"dataset.augment={settings.augment} changes images, but samples here {found}: "
            "use dataset.augment=none"
        )
    if "resized" in settings.augment and not getattr(source, "reads_pictures", False):
        raise ConfigError(
            f"dataset.augment={settings.augment}: only for pictures that are read from files "
            "(dataset=image_folder): use crop or crop_flip"
        )
    if settings.validate_on == "test" and not source.sizes.get("test"):
        raise ConfigError(
            "dataset.validate_on=test: this data set has no test set; use dataset.validate_on=split"
        )
    _check_held_out(settings, source)
    training = split_sizes(settings, source)["train"]
    if training == 0:
        raise ConfigError(
            f"dataset.val_fraction={settings.val_fraction} of {source.sizes['train']} samples leaves none to "
            "train on"
        )
    if batches_per_epoch(settings, source) == 0:
        raise ConfigError(
            f"dataset.batch_size={settings.batch_size} with dataset.drop_last leaves no batch of "
            f"{training} training samples"
        )


def _check_held_out(settings: DatasetSettings, source: Source) -> None:
    """Raise `ConfigError` if held-out samples of a user's training set would have random transforms."""
    if not _held_out(settings, source):
        return
    remedy = getattr(source, "remedy_of_variety", None)
    if remedy is not None:
        raise ConfigError(
            "dataset: its training samples have random transforms, and so would those held out for "
            f"validation: type {remedy}; or give dataset.val, dataset.validate_on=test or "
            "dataset.val_fraction=0"
        )


def split_sizes(settings: DatasetSettings, source: Source) -> Mapping[str, int]:
    """Return the number of samples in `train`, and in `val` and `test` if there are any."""
    sizes = {name: size for name, size in source.sizes.items() if size}
    if settings.validate_on == "test":
        return {**sizes, "val": sizes["test"]}
    held_out = _held_out(settings, source)
    if held_out:
        return {**sizes, "train": sizes["train"] - held_out, "val": held_out}
    return sizes


def _held_out(settings: DatasetSettings, source: Source) -> int:
    return 0 if getattr(source, "is_stream", False) else held_out_samples(settings, source.sizes)


def held_out_samples(settings: DatasetSettings, sizes: Mapping[str, int]) -> int:
    """Return the number of training samples held out for validation.

    It is the nearest to the fraction, at least one.
    """
    if settings.validate_on == "test" or sizes.get("val") or settings.val_fraction == 0:
        return 0
    return max(1, round(sizes["train"] * settings.val_fraction))


def validates(settings: DatasetSettings, source: Source) -> bool:
    """Return whether a run on this data has a validation set."""
    return bool(split_sizes(settings, source).get("val")) or settings.validate_on == "test"


def batches_per_epoch(settings: DatasetSettings, source: Source) -> int:
    """Return the number of training batches in an epoch."""
    samples = split_sizes(settings, source)["train"]
    if samples == ENDLESS:
        return ENDLESS
    drawn = source.batches(samples, settings) if isinstance(source, ConfiguredSource) else None
    if drawn is not None:
        return drawn
    return number_of_batches(samples, settings.batch_size, settings.drop_last)
