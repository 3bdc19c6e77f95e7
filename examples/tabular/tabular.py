"""A table of pandas, cross-validated: tells benign from malignant tumours by measurements of cells."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from torch.utils.data import TensorDataset
from torchmetrics.classification import BinaryAUROC

from sweepboard.tasks import Classification


def tumours(split, fold, folds=5):
    """Return one fold of the table (`val`) or all others (`train`), standardised by the others."""
    frame = load_breast_cancer(as_frame=True).frame
    features, target = frame.drop(columns="target"), frame["target"]
    splits = StratifiedKFold(folds, shuffle=True, random_state=0).split(features, target)
    train, val = list(splits)[fold]
    features = (features - features.iloc[train].mean()) / features.iloc[train].std()
    rows = train if split == "train" else val
    inputs = torch.tensor(features.iloc[rows].to_numpy("float32"))
    return TensorDataset(inputs, torch.tensor(target.iloc[rows].to_numpy()))


class Diagnosis(Classification):
    """Classification that is judged by the area under the ROC curve."""

    primary_metric = "auroc"

    def __init__(self):
        super().__init__()
        self.auroc = BinaryAUROC()

    def statistics(self, outputs, targets):
        self.auroc.update(outputs.softmax(1)[:, 1], targets)
        return super().statistics(outputs, targets)
