"""The images of a data set on one device, in batches, cut and mirrored where that is usual.

Importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from strongltn.datasets.catalogue import Dataset
from strongltn.datasets.images import LabelledImages
from strongltn.rng import named_generator, stream_key

Batch = tuple[torch.Tensor, torch.Tensor]

_EVALUATION_SIZE = 1000


@dataclass(frozen=True)
class Augmentation:
    """Cut each image out of a black frame at a random place, then mirror it or not.

    This is the published preparation of CIFAR-10, with a frame of 4 pixels and left and right
    equally likely.

    Parameters
    ----------
    padding
        The width of the frame in pixels, >= 0.
    """

    padding: int = 4

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return new images of the same shape, type and device.

        Parameters
        ----------
        images
            Images (count, channels, height, width) before normalisation, so that 0 is black.
        generator
            The source of the draws, on any device. With one of the CPU the result is the same on
            every device.

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


class ResidentData:
    """All images of a data set, on the device from the start: no batch is copied there.

    Parameters
    ----------
    dataset
        The data set to train and to test on.
    device
        Where the images live.
    batch_size
        How many images a step of training sees, at least one; the last batch may be smaller.
    features
        A function of a batch that never changes: its values are put in the place of the images
        once, where they are not augmented.

    Notes
    -----
    Randomness: order and augmentation are functions of seed and epoch alone, the same on every
    device, so that nothing but the number of the epoch is needed to go on.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        device: torch.device,
        batch_size: int,
        features: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.batch_size = batch_size
        self._augment = Augmentation(dataset.padding) if dataset.padding else None
        self._train = self._resident(dataset.train, is_prepared=self._augment is None)
        self._test = self._resident(dataset.test, is_prepared=True)
        if features is not None:
            self._train = (_applied(features, self._train[0]), self._train[1])
            self._test = (_applied(features, self._test[0]), self._test[1])

    @property
    def num_images(self) -> int:
        """How many images there are to train on."""
        return len(self._train[1])

    @property
    def num_steps(self) -> int:
        """How many batches an epoch of training has."""
        return -(-self.num_images // self.batch_size)

    def training_batches(self, epoch: int, *, seed: int) -> Iterator[Batch]:
        """Yield every training image once, in the order of this epoch, augmented and normalised."""
        images, labels = self._train
        order = named_generator(seed, name=f"search/order/{epoch}").permutation(self.num_images)
        generator = torch.Generator()  # of the CPU: the same draws for every device
        generator.manual_seed(stream_key(seed, name=f"search/augmentation/{epoch}"))
        for chosen in torch.from_numpy(order).to(self.device).split(self.batch_size):  # type: ignore[no-untyped-call]
            batch = images[chosen]
            if self._augment is not None:
                batch = self.dataset.normalised(self._augment(batch, generator))
            yield batch, labels[chosen]

    def test_batches(self) -> Iterator[Batch]:
        """Yield every test image once, normalised."""
        images, labels = self._test
        yield from zip(
            images.split(_EVALUATION_SIZE),  # type: ignore[no-untyped-call]
            labels.split(_EVALUATION_SIZE),  # type: ignore[no-untyped-call]
            strict=True,
        )

    def _resident(self, part: LabelledImages, *, is_prepared: bool) -> Batch:
        images = torch.from_numpy(part.images).to(self.device)
        images = images.view(-1, *self.dataset.input_shape)
        if is_prepared:
            images = self.dataset.normalised(images)
        return images, torch.from_numpy(part.labels).to(self.device)


@torch.no_grad()
def _applied(
    features: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor
) -> torch.Tensor:
    parts = images.split(_EVALUATION_SIZE)  # type: ignore[no-untyped-call]
    return torch.cat([features(part) for part in parts])
