"""Begin an SRResNet with what a MinutiaNet has learnt: python benchmarks/transplant.py OUT MINUTIANET_WEIGHTS PICTURES.

Both have residual blocks of equal shape at the input's size, so those of SRResNet take over the MinutiaNet's, less the
ones that add least. Its batch normalisations begin with the statistics of PICTURES and give back what they were given.
What follows the blocks is new: a convolution like the MinutiaNet's last one is fitted to pictures by least squares and
laid into the stages of SRResNet, whose other maps begin at random and are not looked at. So training begins near the
other network's figures instead of from noise (compare Net2Net, Chen et al. 2016). At x4 alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minutia.image.color import to_float
from minutia.image.io import read
from minutia.image.resize import downscale
from minutia.nets.minutianet import CENTRE, MinutiaNet
from minutia.nets.srresnet import SRResNet, SRResNetSpec
from minutia.nets.weights import load_weights, save_weights

SCALE = 4
NUM_PICTURES = 48
SIDE = 256
"""Of the part of each picture that is looked at."""
RIDGE = 1e-3


def main() -> None:
    """Transplant, and write."""
    out, old_path, folder = map(Path, sys.argv[1:])
    old = load_weights(old_path)
    donor = old.build()
    assert isinstance(donor, MinutiaNet)
    assert donor.scale == SCALE
    spec = SRResNetSpec()
    torch.manual_seed(0)
    network = spec.build().eval()
    pictures = load_pictures(folder)
    hr, lr = as_batch(pictures), as_batch([downscale(each, SCALE) for each in pictures])
    with torch.no_grad():
        features = take_blocks(network, donor, lr)
        lay_tail(network, features, hr)
        error = F.mse_loss(network(lr), hr).item()
    print(f"PSNR of RGB on these pictures: {-10 * np.log10(error):.2f} dB")
    save_weights(out, spec, network.state_dict(), {**old.training, "transplanted": f"from {old_path.stem}"})


def load_pictures(folder: Path) -> list[np.ndarray]:
    """Read the middle of pictures, spread evenly over the folder, each (SIDE, SIDE, 3)."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    pictures = (read(path).pixels for path in paths[:: max(1, len(paths) // NUM_PICTURES)])
    return [middle(each) for each in pictures if each.shape[2] == 3 and min(each.shape[:2]) >= SIDE]


def middle(pixels: np.ndarray) -> np.ndarray:
    """Cut SIDE x SIDE pixels out of the middle."""
    top, left = ((length - SIDE) // 2 for length in pixels.shape[:2])
    return pixels[top : top + SIDE, left : left + SIDE]


def as_batch(pictures: list[np.ndarray]) -> Tensor:
    """Stack pictures of one size: (N, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.concatenate([to_float(each) for each in pictures]))


def take_blocks(network: SRResNet, donor: MinutiaNet, lr: Tensor) -> Tensor:
    """Fill all before the stages, and give what the stages will see."""
    centre = slice(3, 6)
    network.head.weight.zero_()
    network.head.weight[:, :, centre, centre] = donor.head.weight
    network.head.bias.copy_(donor.head.bias - CENTRE * donor.head.weight.sum(dim=(1, 2, 3)))
    keep_line(network.head_act)
    x = head = network.head(lr)
    for mine, its in zip(network.blocks, chosen_blocks(donor, lr, len(network.blocks)), strict=True):
        mine.conv1.load_state_dict(its.conv1.state_dict())
        mine.act.load_state_dict(its.act.state_dict())
        mine.conv2.load_state_dict(its.conv2.state_dict())
        settle(mine.norm1, mine.conv1(x))
        settle(mine.norm2, mine.conv2(mine.act(mine.conv1(x))))
        x = mine(x)
    free = beside_colours(donor.head)
    network.body_end.weight.copy_(torch.einsum("oi,ikhw->okhw", free, donor.body_end.weight))
    network.body_end.bias.copy_(free @ donor.body_end.bias)
    settle(network.body_norm, network.body_end(x))
    return head + network.body_norm(network.body_end(x))


def beside_colours(head: nn.Conv2d) -> Tensor:
    """Project maps to those directions in which the colours of a pixel cannot be read from them.

    A MinutiaNet adds its detail to the interpolated input, and what its blocks add may cover the colours. An SRResNet
    has no such skip and needs them.
    """
    reading = torch.linalg.pinv(head.weight.flatten(1)).reshape(head.in_channels, 9, -1)[:, 4]
    return torch.eye(head.out_channels) - torch.linalg.pinv(reading) @ reading


def chosen_blocks(donor: MinutiaNet, lr: Tensor, count: int) -> list[nn.Module]:
    """Leave out the blocks whose branch adds least to what comes in."""
    x = donor.head(lr - CENTRE)
    added = []
    for block in donor.blocks:
        y = block(x)
        added.append(((y - x).std() / x.std()).item())
        x = y
    kept = sorted(np.argsort(added)[-count:])
    print("blocks kept:", *kept)
    return [donor.blocks[index] for index in kept]


def settle(norm: nn.Module, x: Tensor) -> None:
    """Make a batch normalisation give back what it is given, with the statistics of `x`."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.bias.copy_(mean)
    norm.weight.copy_((variance + norm.eps).sqrt())


def keep_line(act: nn.Module) -> None:
    """Make an activation begin as none."""
    assert isinstance(act, nn.PReLU)
    act.weight.fill_(1.0)


def lay_tail(network: SRResNet, features: Tensor, hr: Tensor) -> None:
    """Fit one 3x3 convolution before one pixel shuffle, and lay it into the stages and the last convolution."""
    wanted = F.pixel_unshuffle(hr, SCALE)
    seen = F.unfold(features, 3, padding=1)
    seen = torch.cat([seen, torch.ones_like(seen[:, :1])], 1).transpose(0, 1).flatten(1).double()
    target = wanted.flatten(2).transpose(0, 1).flatten(1).double()
    gram = seen @ seen.T
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solved = torch.linalg.solve(gram, seen @ target.T).T.float()  # (48, 64 * 9 + 1)
    width, (first, second) = features.shape[1], network.stages
    weight, bias = solved[:, :-1].reshape(-1, width, 3, 3), solved[:, -1]
    # Of a place's row and column, of four each, stage 1 makes the upper half and stage 2 the lower one.
    for place in range(3 * SCALE**2):
        colour, row, column = place // SCALE**2, place // SCALE % SCALE, place % SCALE
        carried = colour * 4 + (row % 2) * 2 + column % 2
        out = carried * 4 + (row // 2) * 2 + column // 2
        first.conv.weight[out], first.conv.bias[out] = weight[place], bias[place]
    num_carried = 12
    second.conv.weight[:num_carried] = 0
    second.conv.bias[:num_carried] = 0
    for carried in range(num_carried):
        second.conv.weight[carried, carried, 1, 1] = 1
    for stage in (first, second):
        keep_line(stage.act)
    network.tail.weight.zero_()
    network.tail.bias.zero_()
    for colour in range(3):  # The first three maps of stage 2.
        network.tail.weight[colour, colour, 4, 4] = 1


if __name__ == "__main__":
    main()
