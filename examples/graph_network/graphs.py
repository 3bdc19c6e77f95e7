"""Tells three kinds of graphs apart by passing messages along their edges, in plain torch."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

from sweepboard.tasks import Step, Task

KINDS = ("ring", "tree", "random")


class Graphs(Dataset):
    """Graphs of 8 to 24 nodes with about as many edges, made by three rules."""

    def __init__(self, size=600, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.graphs = [self.made(index % len(KINDS), generator) for index in range(size)]

    def made(self, kind, generator):
        nodes = int(torch.randint(8, 25, (), generator=generator))
        target = torch.arange(1, nodes)
        if KINDS[kind] == "ring":
            source = target - 1
        elif KINDS[kind] == "tree":
            source = (torch.rand(nodes - 1, generator=generator) * target).long()
        else:
            source = torch.randint(nodes, (nodes - 1,), generator=generator)
        return {"nodes": nodes, "edges": torch.stack([source, target]), "kind": kind}

    def __len__(self):
        return len(self.graphs)

    def __getitem__(self, index):
        return self.graphs[index]

    def collate_fn(self, graphs):
        """Return a batch as one large graph, whose parts are not connected."""
        sizes = torch.tensor([graph["nodes"] for graph in graphs])
        offsets = sizes.cumsum(0) - sizes
        edges = [graph["edges"] + offset for graph, offset in zip(graphs, offsets, strict=True)]
        return {
            "kind": torch.tensor([graph["kind"] for graph in graphs]),
            "edges": torch.cat(edges, dim=1),
            "graph_of": torch.arange(len(graphs)).repeat_interleave(sizes),  # of each node
        }


class GraphNetwork(nn.Module):
    """Every node adds up what its neighbours say; the mean over the nodes says the kind."""

    def __init__(self, width=32, depth=4):
        super().__init__()
        self.embed = nn.Parameter(torch.ones(width))
        self.layers = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(depth))
        self.head = nn.Linear(width, len(KINDS))

    def forward(self, edges, graph_of, graphs):
        nodes = self.embed.expand(len(graph_of), -1)
        source, target = torch.cat([edges, edges.flip(0)], dim=1)
        for layer in self.layers:
            heard = torch.zeros_like(nodes).index_add(0, target, nodes[source])
            nodes = F.normalize(F.silu(layer(torch.cat([nodes, heard], dim=1))))
        sums = nodes.new_zeros(graphs, nodes.shape[1]).index_add(0, graph_of, nodes)
        return self.head(sums / graph_of.bincount(minlength=graphs)[:, None])


class KindOfGraph(Task):
    primary_metric = "accuracy"

    def training_step(self, model, batch):
        kind = batch["kind"]
        logits = model(batch["edges"], batch["graph_of"], len(kind))
        accuracy = (logits.argmax(1) == kind).float().mean()
        return Step(F.cross_entropy(logits, kind), samples=len(kind), values={"accuracy": accuracy})
