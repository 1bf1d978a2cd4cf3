"""Slow, obvious answers, written apart from the code that they judge."""

import bisect
import hashlib
from fractions import Fraction
from functools import cache
from itertools import product
from math import comb

import mpmath
import numpy as np


def exact_sum(samples, mask):
    """Return the sum of the samples kept, as a rational."""
    return sum((Fraction(x) for x, keep in zip(samples, mask, strict=True) if keep), Fraction(0))


def exact_error(samples, mask, target):
    """Return the distance between the sum of the samples kept and the target, as a rational."""
    return abs(exact_sum(samples, mask) - Fraction(target))


def best_subset(samples, target):
    """Return (error, mask) of the best of all subsets, by the tie rule of `MeetInTheMiddle`."""
    samples = [float(x) for x in samples]
    half = len(samples) // 2

    def rank(mask):
        lower, upper = mask[:half], mask[half:]
        return (
            exact_error(samples, mask, target),
            exact_sum(samples, mask),
            exact_sum(samples[:half], lower),
            lower[::-1],  # as a binary number: the last sample of the half is the highest bit
            upper[::-1],
        )

    mask = min(product([False, True], repeat=len(samples)), key=rank)
    return exact_error(samples, mask, target), np.array(mask)


def philox_words(counter, key):
    """Return the four words of Philox 4x32-10; key words (k0, k1)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for turn in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        left = (k0 + turn * 0x9E3779B9) % 2**32
        right = (k1 + turn * 0xBB67AE85) % 2**32
        c0, c1, c2, c3 = high1 ^ c1 ^ left, low1, high0 ^ c3 ^ right, low0
    return c0, c1, c2, c3


@cache
def normal_tables():
    """Return the 2047 thresholds and 2048 slopes of the Gaussian law, as integers."""
    with mpmath.workprec(300):
        root = mpmath.sqrt(2)
        thresholds = [int(2**64 * mpmath.erf((j + 1) / root / 256)) for j in range(2047)]
        slopes = [int(2**31 * mpmath.tanh(mpmath.mpf(2 * i + 1) / 2**18)) for i in range(2048)]
    return thresholds, slopes


def source_entry(law, *, seed, layer, row, column):
    """Return one weight of a source network, as FORMAT.md says it."""
    digest = hashlib.sha256(b"strongltn/source/" + str(seed).encode()).digest()
    key = (int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little"))
    if law == "gaussian":
        words = philox_words((column, row, layer, 1), key)
        thresholds, slopes = normal_tables()
        cell = bisect.bisect_right(thresholds, words[0] + 2**32 * words[1])
        offset = words[2] % 4096
        if words[3] % 2**31 < slopes[cell]:
            offset = min(offset, words[2] // 4096 % 4096)
        magnitude = Fraction(2 * (4096 * cell + offset) + 1, 2**21)
        return -magnitude if words[3] >= 2**31 else magnitude
    word = philox_words((column // 4, row, layer, 0), key)[column % 4]
    if law == "signed-constant" and layer % 2 == 0:
        return Fraction(1 if word < 2**31 else -1)
    return Fraction(2 * (word // 256) + 1 - 2**24, 2**24)


def fractions_of(array):
    """Return the entries of a `DyadicArray`, flat."""
    unit = Fraction(2) ** array.exponent
    return [int(k) * unit for k in array.numerators.ravel()]


def is_positive_semidefinite(matrix):
    """Decide x^T A x >= 0 for all x, for a symmetric matrix of rationals: Gaussian elimination."""
    rows = [list(map(Fraction, row)) for row in matrix]
    while rows:
        pivot, rest = rows[0], rows[1:]
        if pivot[0] < 0 or (pivot[0] == 0 and any(pivot)):
            return False
        if pivot[0]:
            rest = [
                [a - row[0] * b / pivot[0] for a, b in zip(row, pivot, strict=True)] for row in rest
            ]
        rows = [row[1:] for row in rest]
    return True


def is_norm_bound(bound, matrix):
    """Decide whether bound >= ||A|| for rationals: bound^2 I - A A^T is positive semidefinite."""
    gram = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in matrix] for x in matrix]
    shifted = [
        [bound**2 * (i == j) - entry for j, entry in enumerate(row)] for i, row in enumerate(gram)
    ]
    return bound >= 0 and is_positive_semidefinite(shifted)


def kept_weights(ticket):
    """Return mask * W of every source layer: a dictionary (row, column) -> rational for each."""
    masks = ticket.dense_masks()
    return [
        {
            (int(row), int(column)): Fraction(float(weights[row, column]))
            for row, column in np.argwhere(masks[str(layer)])
        }
        for layer, weights in (
            (layer, ticket.source.dense(layer)) for layer in range(2 * ticket.source.num_pairs)
        )
    ]


def rectified(vector):
    """Return max(v, 0) of every entry."""
    return [max(v, Fraction(0)) for v in vector]


def pruned_output(ticket, inputs):
    """Return g(x): the masked source network, weight by weight, times 2^K."""
    layers = kept_weights(ticket)
    x = list(inputs)
    for pair in range(ticket.source.num_pairs):
        x = rectified(x) if pair else x
        x = [*x, Fraction(1)] if ticket.source.biases[pair] else x
        for layer in (2 * pair, 2 * pair + 1):
            out = [Fraction(0)] * ticket.source.shape(layer)[0]
            for (row, column), weight in layers[layer].items():
                out[row] += weight * x[column]
            is_inner_relu = layer % 2 == 0 and ticket.source.inner_activation.value == "relu"
            x = rectified(out) if is_inner_relu else out
    return [v * Fraction(2) ** sum(ticket.scale_exponents) for v in x]


def target_output(target, inputs):
    """Return f(x)."""
    x = list(inputs)
    for i, layer in enumerate(target.layers):
        x = rectified(x) if i else x
        bias = np.zeros(layer.num_outputs) if layer.bias is None else layer.bias
        x = [
            sum((Fraction(float(w)) * v for w, v in zip(row, x, strict=True)), Fraction(float(b)))
            for row, b in zip(layer.weight, bias, strict=True)
        ]
    return x


def squared_distance(target, ticket, inputs):
    """Return ||f(x) - g(x)||^2."""
    f, g = target_output(target, inputs), pruned_output(ticket, inputs)
    return sum(((a - b) ** 2 for a, b in zip(f, g, strict=True)), Fraction(0))


def weight_error_table(target, ticket, *, is_signed):
    """Return {(layer, half, output, column): error}, column == inputs for the bias, unscaled."""
    layers = kept_weights(ticket)
    errors = {}
    total = 0
    for i, layer in enumerate(target.layers):
        total += ticket.scale_exponents[i]
        is_relu = ticket.source.inner_activation.value == "relu"
        halves = 2 if is_relu and i == 0 and is_signed else 1
        for half, output, column in product(
            range(halves), range(layer.num_outputs), range(layer.num_inputs + 1)
        ):
            if column < layer.num_inputs:
                goal = Fraction(float(layer.weight[output, column]))
                goal /= Fraction(2) ** ticket.scale_exponents[i]
            elif layer.bias is not None and half == 0:
                goal = Fraction(float(layer.bias[output])) / Fraction(2) ** total
            else:
                continue
            found = Fraction(0)
            for (hidden, at), a in layers[2 * i].items():
                b = layers[2 * i + 1].get((output, hidden))
                is_in_half = not is_relu or (a > 0) == (half == 0)
                if at == column and b is not None and is_in_half:
                    found += (abs(a) if is_relu else a) * b
            errors[i, half, output, column] = found - goal * (-1) ** half
    return errors


def planned_samples(ticket, width, *, pair, half, output, column):
    """Return the (hidden, product) pairs that one subset sum may use, in order."""
    source = ticket.source
    columns = source.shape(2 * pair)[1]
    is_shared = ticket.construction != "single-weight"
    block = column if is_shared else output * columns + column
    samples = []
    first, second = source.dense(2 * pair), source.dense(2 * pair + 1)
    for hidden in range(block * width, (block + 1) * width):
        a, b = Fraction(float(first[hidden, column])), Fraction(float(second[output, hidden]))
        if source.inner_activation.value == "linear":
            samples.append((hidden, a * b))
        elif (a > 0) == (half == 0):
            samples.append((hidden, abs(a) * b))
    return samples[: ticket.samples_per_weight]


def binomial_tail(width, num_samples):
    """Return P(Binomial(width, 1/2) < num_samples)."""
    return Fraction(sum(comb(width, k) for k in range(num_samples)), 2**width)
