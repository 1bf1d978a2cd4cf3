"""Random crops and flips of a batch, where the batch is. Importing this module imports torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Augmentation:
    """Cut each image out of a black frame at a random place, then mirror it or not.

    The published preparation of CIFAR-10: a frame of 4 pixels, left and right equally likely.

    Parameters
    ----------
    padding : int >= 0
        Width of the frame.
    """

    padding: int = 4

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return new images of the same shape, type and device.

        Parameters
        ----------
        images : tensor (count, channels, height, width)
            Before normalisation, so that 0 is black.
        generator : torch.Generator
            On any device. With one of the CPU the result is the same on every device.

        Notes
        -----
        Rigor: exact: a function of images and generator alone, the images are not changed.
        Cost: one copy.  Randomness: three draws an image from `generator`.
        """
        count, channels, height, width = images.shape
        device = generator.device
        corners = torch.randint(
            0, 2 * self.padding + 1, (2, count, 1), generator=generator, device=device
        )
        is_mirrored = torch.randint(0, 2, (count, 1), generator=generator, device=device) == 1
        columns = torch.arange(width, device=device)
        columns = torch.where(is_mirrored, columns.flip(0), columns) + corners[1]
        rows = torch.arange(height, device=device) + corners[0]
        framed = torch.nn.functional.pad(images, (self.padding,) * 4)
        # One gather: places within each framed image, of (height * width) pixels a channel.
        places = rows[:, :, None] * framed.shape[-1] + columns[:, None, :]
        places = places.to(images.device).view(count, 1, height * width)
        pixels = framed.flatten(2).gather(2, places.expand(-1, channels, -1))
        return pixels.view_as(images)
