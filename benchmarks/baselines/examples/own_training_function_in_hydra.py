import signal
import threading
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter
from train import spirals


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    torch.manual_seed(cfg.seed)
    folder = Path(HydraConfig.get().runtime.output_dir)
    writer = SummaryWriter(str(folder))
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    inputs, labels = spirals(2000, seed=1)
    val_inputs, val_labels = spirals(500, seed=2)
    width = cfg.width
    model = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2)
    )
    optimizer = instantiate(cfg.optimizer, model.parameters())

    step = 0
    if cfg.get("resume"):
        state = torch.load(cfg.resume)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        step = state["step"]

    while step < cfg.steps and not stopped.is_set():
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
            writer.add_scalar("train/loss", loss, step)
            writer.add_scalar("val/accuracy", accuracy, step)
            print(f"step {step}: accuracy {accuracy:.3f}")

    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**state, "step": step, "random": torch.get_rng_state()}, folder / "last.pt")
    settings = {"optimizer": cfg.optimizer._target_, "lr": cfg.optimizer.lr, "seed": cfg.seed}
    writer.add_hparams({**settings, "width": width}, {"hparam/accuracy": accuracy}, run_name=".")
    writer.close()


if __name__ == "__main__":
    main()
