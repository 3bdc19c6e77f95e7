"""Made-up reviews of films, and the words that they consist of."""

import random

from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

THINGS = ("film", "plot", "cast", "music", "ending", "dialogue", "camera", "humour")
GOOD = ("great", "moving", "clever", "funny", "lovely", "bright")
BAD = ("dull", "weak", "boring", "silly", "clumsy", "bleak")
OTHERS = ("[PAD]", "[UNK]", "[CLS]", "the", "was", "not", "and", "but", "really", "quite")


def tokenizer():
    """Return a tokenizer of Hugging Face that knows these words."""
    words = {word: number for number, word in enumerate((*OTHERS, *THINGS, *GOOD, *BAD))}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")


class Reviews(Dataset):
    """Tokens of a review of one to four opinions, and its label: whether more of them are good than bad."""

    def __init__(self, reviews=2000, seed=0):
        chance, tokens = random.Random(seed), tokenizer()
        self.samples = []
        for _ in range(reviews):
            opinions = [self.opinion(chance) for _ in range(chance.randint(1, 4))]
            text = " and ".join(words for words, _ in opinions)
            label = int(sum(value for _, value in opinions) > 0)
            self.samples.append({**tokens(f"[CLS] {text}"), "labels": label})

    def opinion(self, chance):
        good, denied = chance.random() < 0.5, chance.random() < 0.3
        word = chance.choice(GOOD if good else BAD)
        words = f"the {chance.choice(THINGS)} was {'not ' if denied else ''}{word}"
        return words, 1 if good != denied else -1

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]
