"""A model of Hugging Face that computes its own loss."""

from sweepboard.tasks import Step, Task


class SequenceClassification(Task):
    """The loss of the model, and the accuracy of its logits."""

    primary_metric = "accuracy"

    def training_step(self, model, batch):
        out = model(**batch)
        accuracy = (out.logits.argmax(1) == batch["labels"]).float().mean()
        return Step(out.loss, values={"accuracy": accuracy})
