"""Two spirals, told apart by a small network: a training function with its own loop and its own YAML."""

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import sweepboard


def spirals(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return `count` points of two noisy spirals and which spiral each is of."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=random)
    angle = 6 * torch.rand(count, generator=random).sqrt()
    turned = angle + torch.pi * labels
    points = angle[:, None] * torch.stack([turned.cos(), turned.sin()], dim=1) / 6
    return points + 0.02 * torch.randn(count, 2, generator=random), labels


@sweepboard.main(config_path="conf", config_name="config", primary_metric="val/accuracy")
def main(cfg: DictConfig, run: sweepboard.Run) -> None:
    inputs, labels = spirals(2000, seed=1)
    val_inputs, val_labels = spirals(500, seed=2)
    width = cfg.width
    model = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2)
    )
    optimizer = instantiate(cfg.optimizer, model.parameters())

    run.total_steps, step = cfg.steps, 0
    if state := run.resumed:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]

    while step < cfg.steps and not run.should_stop:
        step += 1
        batch = torch.randint(len(inputs), (cfg.batch_size,))
        loss = cross_entropy(model(inputs[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % cfg.every == 0:
            with torch.no_grad():
                outputs = model(val_inputs)
            accuracy = (outputs.argmax(dim=1) == val_labels).float().mean()
            run.log({"train/loss": loss, "val/accuracy": accuracy}, step)
            print(f"step {step}: accuracy {accuracy:.3f}")

    run.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, step)


if __name__ == "__main__":
    main()
