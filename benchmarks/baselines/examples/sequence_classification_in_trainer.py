import argparse

import torch
from reviews import Reviews, tokenizer
from torch.utils.data import random_split
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)


def accuracy(found):
    return {"accuracy": (found.predictions.argmax(1) == found.label_ids).mean()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--resume")
    args = parser.parse_args()
    set_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=64,
        num_hidden_layers=args.layers,
        num_attention_heads=4,
        intermediate_size=128,
        num_labels=2,
    )
    train, val = random_split(Reviews(), [0.9, 0.1], torch.Generator().manual_seed(0))
    settings = TrainingArguments(
        output_dir="out",
        seed=0,
        num_train_epochs=4,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=1000,
        learning_rate=args.lr,
        weight_decay=0.01,
        max_grad_norm=1.0,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        logging_steps=50,
        report_to="tensorboard",
    )
    trainer = Trainer(
        AutoModelForSequenceClassification.from_config(config),
        settings,
        data_collator=DataCollatorWithPadding(tokenizer()),
        train_dataset=train,
        eval_dataset=val,
        compute_metrics=accuracy,
    )
    trainer.train(resume_from_checkpoint=args.resume)


if __name__ == "__main__":
    main()
