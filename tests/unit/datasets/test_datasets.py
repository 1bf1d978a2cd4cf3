"""Data sets from small files of the real formats, from a local server, and augmentation."""

import gzip
import hashlib
import io
import os
import pickle
import shutil
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from strongltn.datasets import catalogue as datasets
from strongltn.datasets import cifar10
from strongltn.datasets import images as data
from strongltn.datasets.batches import Augmentation
from strongltn.datasets.catalogue import dataset_named
from strongltn.datasets.images import RemoteFile, load_mnist_test, load_mnist_train
from strongltn.errors import InvalidInputError

REAL = os.environ.get("STRONGLTN_DATA")  # read before the fixture below hides it
COUNTS = {"train": 6, "t10k": 3}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache of its own for each test, and no data directory."""
    folder = tmp_path / "cache"
    monkeypatch.delenv("STRONGLTN_DATA", raising=False)
    for module in (datasets, cifar10):
        monkeypatch.setattr(module, "user_cache", lambda: folder)
    return folder


@contextmanager
def served(folder):
    """The address of a server of the files in a folder, and the list of what it was asked for."""
    asked = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()
            thread.join()


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def mnist_files():
    """Small IDX files by the names of MNIST."""
    generator = np.random.default_rng(0)
    files = {}
    for part, count in COUNTS.items():
        files[f"{part}-images-idx3-ubyte"] = idx(generator.integers(0, 256, (count, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(generator.integers(0, 10, count))
    return files


@pytest.fixture
def small_mnist(monkeypatch):
    """Small files that pass for MNIST."""
    files = mnist_files()
    monkeypatch.setattr(data, "MNIST_FILES", {name: md5(files[name]) for name in files})
    return files


def write(folder, files, *, zipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


@pytest.mark.parametrize("folder", [".", "mnist", "MNIST/raw"])
def test_mnist_is_found_and_verified(tmp_path, monkeypatch, small_mnist, folder):
    write(tmp_path / folder, small_mnist, zipped=folder == "mnist")
    monkeypatch.setenv("STRONGLTN_DATA", str(tmp_path))
    found = dataset_named("mnist")
    assert found.train.images.shape == (6, 784)
    assert found.test.images.shape == (3, 784)
    pixels = np.frombuffer(small_mnist["t10k-images-idx3-ubyte"][16:], dtype=np.uint8)
    assert np.array_equal(found.test.images.ravel(), pixels.astype(np.float32) / np.float32(255))
    assert found.test.labels.tolist() == list(small_mnist["t10k-labels-idx1-ubyte"][8:])
    assert np.array_equal(dataset_named("mnist", tmp_path).train.images, found.train.images)


def test_other_images_in_the_format_are_not_mnist(tmp_path):
    write(tmp_path, mnist_files())
    assert load_mnist_train(tmp_path).images.shape == (6, 784)
    with pytest.raises(InvalidInputError, match=r"train-images-idx3-ubyte \(MD5.*delete it"):
        load_mnist_train(tmp_path, is_verified=True)
    with pytest.raises(InvalidInputError, match="6bbc9ace898e44ae57da46a324031adb"):
        dataset_named("mnist", tmp_path)


@pytest.mark.parametrize("name", data.MNIST_FILES)
def test_one_altered_file_is_enough(tmp_path, small_mnist, name):
    write(tmp_path, {**small_mnist, name: small_mnist[name][:-1] + b"\x01"})
    with pytest.raises(InvalidInputError, match=rf"{name} \(MD5"):
        dataset_named("mnist", tmp_path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("size", [0, 3, 5, 100, -1])
def test_truncated_mnist_is_named(tmp_path, zipped, size):
    files = mnist_files()
    write(tmp_path, files, zipped=zipped)
    name = "t10k-images-idx3-ubyte" + ".gz" * zipped
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:size])
    with pytest.raises(InvalidInputError, match=f"{name} .*truncated or altered"):
        load_mnist_test(tmp_path)


def test_labels_that_do_not_fit_the_images_are_refused(tmp_path):
    write(tmp_path, {**mnist_files(), "t10k-labels-idx1-ubyte": idx(np.zeros(2))})
    with pytest.raises(InvalidInputError, match="one label for each image"):
        load_mnist_test(tmp_path)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_absent_data_says_what_to_try(tmp_path, name):
    for directory in (None, tmp_path / "nowhere"):
        with pytest.raises(InvalidInputError, match=r"STRONGLTN_DATA.*download.*digits"):
            dataset_named(name, directory)


def test_unknown_data_is_answered_with_the_known():
    with pytest.raises(InvalidInputError, match="digits, mnist, cifar10"):
        dataset_named("svhn")


@pytest.fixture
def mnist_mirror(tmp_path, monkeypatch, small_mnist):
    """A server of small MNIST, behind a first mirror that is down."""
    write(tmp_path / "mirror", small_mnist, zipped=True)
    monkeypatch.setenv("NO_PROXY", "*")
    with served(tmp_path / "mirror") as (address, asked):
        files = {
            name: RemoteFile(
                f"{name}.gz",
                md5((tmp_path / "mirror" / f"{name}.gz").read_bytes()),
                mirrors=(f"{address}gone/", address),
            )
            for name in small_mnist
        }
        monkeypatch.setattr(datasets, "MNIST_DOWNLOADS", files)
        yield tmp_path / "mirror", asked


def test_absent_files_are_downloaded_once(mnist_mirror, own_cache):
    _, asked = mnist_mirror
    first = dataset_named("mnist", download=True)
    assert len(asked) == 8 + 4  # a request and its error at the first mirror, then the second
    assert sorted(path.name for path in (own_cache / "mnist").iterdir()) == sorted(
        f"{name}.gz" for name in data.MNIST_FILES
    )
    again = dataset_named("mnist", download=True)
    assert len(asked) == 12
    assert np.array_equal(first.train.images, again.train.images)
    assert dataset_named("mnist").test.labels.tolist() == first.test.labels.tolist()


def test_only_what_is_absent_is_downloaded(mnist_mirror, tmp_path, small_mnist):
    _, asked = mnist_mirror
    del small_mnist["t10k-labels-idx1-ubyte"]
    write(tmp_path / "own", small_mnist)
    dataset_named("mnist", tmp_path / "own", download=True)
    assert {path.rpartition("/")[2] for path in asked} == {"t10k-labels-idx1-ubyte.gz"}


def test_a_download_with_another_checksum_is_not_kept(mnist_mirror, own_cache):
    mirror, _ = mnist_mirror
    (mirror / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"altered"))
    with pytest.raises(InvalidInputError, match=r"mirror.*404.*another MD5.*place the") as caught:
        dataset_named("mnist", download=True)
    assert caught.value.parameter == "download"
    assert not list((own_cache / "mnist").glob("t10k-images*"))


def test_a_file_in_the_way_of_a_download_is_bad_input(mnist_mirror, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match=r"'download'.*file is in the way"):
        dataset_named("mnist", tmp_path / "file", download=True)


def test_the_digest_is_that_of_all_pixels_and_labels(tmp_path, small_mnist):
    write(tmp_path / "0", small_mnist, zipped=True)
    digests = {dataset_named("mnist", tmp_path / "0").sha256}
    for k, name in enumerate(small_mnist, start=1):
        changed = {**small_mnist, name: small_mnist[name][:-1] + b"\x07"}
        write(tmp_path / str(k), changed)
        data.MNIST_FILES.update({name: md5(changed[name])})
        digests.add(dataset_named("mnist", tmp_path / str(k)).sha256)
        data.MNIST_FILES.update({name: md5(small_mnist[name])})
    assert len(digests) == 5
    write(tmp_path / "5", small_mnist)
    assert dataset_named("mnist", tmp_path / "5").sha256 in digests


def test_digits_are_always_there():
    digits, again = dataset_named("digits"), dataset_named("digits")
    assert digits.input_shape == datasets.INPUT_SHAPES["digits"]
    assert digits.sha256 == again.sha256
    assert np.array_equal(digits.train.images, again.train.images)
    assert len(digits.train.labels) + len(digits.test.labels) == 1797
    every = np.concatenate([digits.train.images, digits.test.images])
    assert round(float(every.mean(dtype=float)), 4) == digits.mean[0]
    assert round(float(every.std(dtype=float)), 4) == digits.std[0]
    batch = digits.normalised(torch.from_numpy(digits.train.images[:3]))
    assert batch.shape == (3, 1, 8, 8)


def test_normalisation_is_channel_by_channel(tmp_path, monkeypatch):
    directory, *_ = cifar_folder(tmp_path, monkeypatch, edition="bin")
    found = dataset_named("cifar10", directory)
    images = torch.tensor(found.mean).view(1, 3, 1, 1).expand(2, 3, 32, 32).clone()
    images[:, 1] += found.std[1]
    batch = found.normalised(images.flatten(1))
    assert batch.shape == (2, 3, 32, 32)
    assert torch.allclose(batch[:, 1], torch.ones(2, 32, 32), atol=1e-6)
    assert not batch[:, [0, 2]].any()


def text(words):
    """A string as Python 2 pickles it."""
    raw = words.encode() if isinstance(words, str) else words
    return b"T" + len(raw).to_bytes(4, "little") + raw


def number(n):
    return b"J" + n.to_bytes(4, "little")


def python2_batch(pixels, labels):
    """A batch as Python 2 and its NumPy pickled it, opcode by opcode."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + number(0) + b"t"
        + text("b") + b"tR(" + number(1) + b"(" + number(pixels.shape[0]) + number(pixels.shape[1])
        + b"tcnumpy\ndtype\n(" + text("u1") + number(0) + number(1) + b"tR(" + number(3)
        + text("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + number(0) + b"tbI00\n"
        + text(pixels.tobytes()) + b"tb"
    )  # fmt: skip
    listed = b"(" + b"".join(map(number, labels)) + b"l"
    return b"\x80\x02(" + text("data") + array + text("labels") + listed + b"d."


def binary_batch(pixels, labels):
    return np.hstack([np.array(labels, dtype=np.uint8)[:, None], pixels]).tobytes()


def cifar_folder(tmp_path, monkeypatch, *, edition, packed=False):
    """A directory with six small batches, unpacked or packed; with the pixels and the labels."""
    monkeypatch.setattr(cifar10, "BATCH_SIZE", 4)
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (6, 4, 3072), dtype=np.uint8)
    labels = generator.integers(0, 10, (6, 4)).tolist()
    batch, suffix = (python2_batch, "") if edition == "py" else (binary_batch, ".bin")
    root = tmp_path / "data" / "cifar10"
    folder = root / f"cifar-10-batches-{edition}"
    folder.mkdir(parents=True)
    for i in range(6):
        name = f"data_batch_{i + 1}" if i < 5 else "test_batch"
        (folder / f"{name}{suffix}").write_bytes(batch(pixels[i], labels[i]))
    if packed:
        pack(monkeypatch, folder, edition)
    return tmp_path / "data", pixels, labels


def pack(monkeypatch, folder, edition):
    """Put a folder into the archive of its edition, which then passes for the official one."""
    k = ["py", "bin"].index(edition)
    old = cifar10._EDITIONS[k]
    path = folder.parent / old.archive.name
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    shutil.rmtree(folder)
    official = RemoteFile(path.name, md5(path.read_bytes()), mirrors=())
    new = cifar10._Edition(official, old.folder, old.files, old.parse)
    monkeypatch.setattr(
        cifar10, "_EDITIONS", tuple(new if i == k else e for i, e in enumerate(cifar10._EDITIONS))
    )
    return path


@pytest.mark.parametrize("edition", ["py", "bin"])
@pytest.mark.parametrize("packed", [False, True])
def test_both_archives_are_read(tmp_path, monkeypatch, edition, packed):
    directory, pixels, labels = cifar_folder(tmp_path, monkeypatch, edition=edition, packed=packed)
    found = dataset_named("cifar10", directory)
    assert found.padding == 4
    expected = pixels.astype(np.float32) / np.float32(255)
    assert np.array_equal(found.train.images, expected[:5].reshape(20, 3072))
    assert np.array_equal(found.test.images, expected[5])
    assert found.train.labels.tolist() == [n for batch in labels[:5] for n in batch]
    assert found.test.labels.tolist() == labels[5]


@pytest.mark.parametrize("edition", ["py", "bin"])
def test_altered_archives_are_refused(tmp_path, monkeypatch, edition):
    directory, *_ = cifar_folder(tmp_path, monkeypatch, edition=edition, packed=True)
    (path,) = (directory / "cifar10").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidInputError, match=rf"{path.name} \(MD5"):
        dataset_named("cifar10", directory)


@pytest.mark.parametrize("edition", ["py", "bin"])
@pytest.mark.parametrize("size", [None, 0, 50, -1])
def test_truncated_batches_are_named(tmp_path, monkeypatch, edition, size):
    directory, *_ = cifar_folder(tmp_path, monkeypatch, edition=edition)
    path = sorted((directory / "cifar10" / f"cifar-10-batches-{edition}").iterdir())[2]
    if size is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InvalidInputError, match=f"{path.name}.*truncated or altered"):
        dataset_named("cifar10", directory)


def test_labels_outside_the_classes_are_refused(tmp_path, monkeypatch):
    directory, pixels, _ = cifar_folder(tmp_path, monkeypatch, edition="bin")
    path = directory / "cifar10" / "cifar-10-batches-bin" / "test_batch.bin"
    path.write_bytes(binary_batch(pixels[5], [0, 1, 10, 2]))
    with pytest.raises(InvalidInputError, match="labels 0 to 9"):
        dataset_named("cifar10", directory)


class Intruder:
    def __reduce__(self):
        return print, ("was run",)


def test_a_pickle_that_calls_something_is_not_run(tmp_path, monkeypatch, capsys):
    directory, *_ = cifar_folder(tmp_path, monkeypatch, edition="py")
    path = directory / "cifar10" / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": Intruder(), "labels": []}, protocol=2))
    with pytest.raises(InvalidInputError, match="print, which no array needs"):
        dataset_named("cifar10", directory)
    assert "was run" not in capsys.readouterr().out


def test_cifar10_is_downloaded(tmp_path, monkeypatch, own_cache):
    directory, *_, labels = cifar_folder(tmp_path, monkeypatch, edition="py", packed=True)
    official = cifar10._EDITIONS[0].archive
    monkeypatch.setenv("NO_PROXY", "*")
    with served(directory / "cifar10") as (address, _):
        remote = RemoteFile(official.name, official.md5, mirrors=(address,))
        monkeypatch.setattr(datasets, "PYTHON_ARCHIVE", remote)
        found = dataset_named("cifar10", download=True)
    assert found.test.labels.tolist() == labels[5]
    assert (own_cache / "cifar10" / official.name).is_file()


def jpeg_folder(folder, *, count=5, size=32, mode="RGB"):
    """A directory with train.npz and test.npz of random JPEGs; returns those files one by one."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(2)
    files = []
    for part in ("train", "test"):
        parts = []
        for _ in range(count):
            stream = io.BytesIO()
            colours = generator.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(colours).convert(mode).save(stream, "jpeg")
            parts.append(stream.getvalue())
        np.savez(
            folder / f"{part}.npz",
            jpeg=np.frombuffer(b"".join(parts), dtype=np.uint8),
            offsets=np.cumsum([0, *map(len, parts)]),
            labels=np.arange(count, dtype=np.uint8),
        )
        files.append(parts)
    return files


def test_jpegs_are_decoded_once(tmp_path, monkeypatch, own_cache):
    files = jpeg_folder(tmp_path / "cifar10")
    found = dataset_named("cifar10", tmp_path)
    for images, parts in ((found.train, files[0]), (found.test, files[1])):
        assert images.labels.tolist() == [0, 1, 2, 3, 4]
        for image, part in zip(images.images, parts, strict=True):
            decoded = np.asarray(Image.open(io.BytesIO(part))).astype(np.float32) / np.float32(255)
            assert np.array_equal(image.reshape(3, 32, 32), np.moveaxis(decoded, 2, 0))
    assert len(list(own_cache.iterdir())) == 2
    monkeypatch.setattr(cifar10, "_decoded", None)  # from the cache, or not at all
    assert np.array_equal(dataset_named("cifar10", tmp_path).train.images, found.train.images)


def test_a_damaged_or_forbidden_cache_does_no_harm(tmp_path, own_cache):
    jpeg_folder(tmp_path)
    found = dataset_named("cifar10", tmp_path)
    for path in own_cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert np.array_equal(dataset_named("cifar10", tmp_path).train.images, found.train.images)
    for path in own_cache.iterdir():
        np.save(path, np.zeros((1, 3, 32, 32), dtype=np.uint8))
    assert np.array_equal(dataset_named("cifar10", tmp_path).train.images, found.train.images)
    shutil.rmtree(own_cache)
    own_cache.write_text("a file where the folder should be")
    assert np.array_equal(dataset_named("cifar10", tmp_path).test.images, found.test.images)


@pytest.mark.parametrize("other", [{"mode": "L"}, {"size": 1}, {"size": 33}])
def test_other_images_are_refused_and_not_taken_from_the_cache(tmp_path, other):
    jpeg_folder(tmp_path / "one")
    jpeg_folder(tmp_path / "two", **other)
    dataset_named("cifar10", tmp_path / "one")
    with pytest.raises(InvalidInputError, match=r"32 x 32 colours.*image 0: "):
        dataset_named("cifar10", tmp_path / "two")


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": np.array([0, 5])},
        {"offsets": np.arange(6)},
        {"labels": np.array([0, 1, 2, 3, 10])},
        {"labels": np.arange(4)},
        {"labels": np.arange(5)[:, None]},
        {"jpeg": np.zeros(0, dtype=np.uint8)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, change):
    jpeg_folder(tmp_path)
    with np.load(tmp_path / "test.npz") as arrays:
        changed = {**arrays, **change}
    np.savez(tmp_path / "test.npz", **changed)
    with pytest.raises(InvalidInputError, match=r"test\.npz .*do not fit"):
        dataset_named("cifar10", tmp_path)


def test_damaged_jpegs_are_named(tmp_path):
    jpeg_folder(tmp_path)
    with np.load(tmp_path / "train.npz") as arrays:
        changed = dict(arrays)
    swapped = changed["offsets"][[0, 2, 1, 3, 4, 5]].astype(np.uint64)  # differences would wrap
    np.savez(tmp_path / "train.npz", **{**changed, "offsets": swapped})
    with pytest.raises(InvalidInputError, match=r"train\.npz .*do not fit"):
        dataset_named("cifar10", tmp_path)
    changed["jpeg"] = changed["jpeg"].copy()
    changed["jpeg"][changed["offsets"][3] : changed["offsets"][4]] = 0
    np.savez(tmp_path / "train.npz", **changed)
    with pytest.raises(InvalidInputError, match=r"train\.npz \(image 3:"):
        dataset_named("cifar10", tmp_path)
    for keep in (0, 30, -1):
        (tmp_path / "train.npz").write_bytes((tmp_path / "test.npz").read_bytes()[:keep])
        with pytest.raises(InvalidInputError, match=r"train\.npz .*truncated"):
            dataset_named("cifar10", tmp_path)
    np.savez(tmp_path / "train.npz", jpeg=np.zeros(1, dtype=np.uint8))
    with pytest.raises(InvalidInputError, match=r"train\.npz .*offsets"):
        dataset_named("cifar10", tmp_path)


@pytest.mark.skipif(not REAL, reason="STRONGLTN_DATA does not name a directory with MNIST")
def test_the_real_mnist_has_the_published_moments():
    mnist = dataset_named("mnist", Path(REAL))
    assert len(mnist.train.labels) == 60_000
    assert len(mnist.test.labels) == 10_000
    assert round(float(mnist.train.images.mean(dtype=float)), 4) == mnist.mean[0]
    assert round(float(mnist.train.images.std(dtype=float)), 4) == mnist.std[0]


def cut_by_hand(image, corner, *, is_mirrored, padding):
    framed = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    height, width = image.shape[1:]
    cut = framed[:, corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    return cut[:, :, ::-1] if is_mirrored else cut


@pytest.mark.parametrize("padding", [0, 1, 4])
def test_augmented_images_are_cuts_or_mirror_images(padding):
    """Each result is one of all the cuts there are, found by trying all; none other occurs."""
    images = torch.randint(1, 256, (40, 2, 3, 4), generator=torch.Generator().manual_seed(0))
    before = images.clone()
    results = Augmentation(padding)(images, torch.Generator().manual_seed(1))
    assert torch.equal(images, before)
    places = [
        (row, column, is_mirrored)
        for row in range(2 * padding + 1)
        for column in range(2 * padding + 1)
        for is_mirrored in (False, True)
    ]
    used = set()
    for image, result in zip(images.numpy(), results.numpy(), strict=True):
        matches = [
            place
            for place in places
            if np.array_equal(
                cut_by_hand(image, place[:2], is_mirrored=place[2], padding=padding), result
            )
        ]
        assert matches
        used.update(matches)
    if padding == 1:
        assert len(used) >= 15  # of 18 places, each drawn 40 / 18 times on average
    assert {is_mirrored for *_, is_mirrored in used} == {False, True}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
def test_augmentation_is_a_function_of_batch_and_generator(dtype):
    images = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).to(dtype)
    augment = Augmentation()
    state = torch.get_rng_state()
    one, again, other = (augment(images, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(state, torch.get_rng_state())
    assert one.dtype == dtype
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert repr(augment) == "Augmentation(padding=4)"
