"""Tests of the tests: seeded mutants, one wrong line each, that the suite must kill."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("strongltn", "proofs_check", "tests")


@dataclass(frozen=True)
class Mutant:
    """One replaced piece of code, and the tests that must notice."""

    file: str
    old: str
    new: str
    tests: str


MUTANTS = {
    "a bound rounded down": Mutant(
        "strongltn/numerics/dyadic.py",
        "return -(-scaled.numerator // scaled.denominator) * _power(exponent)",
        "return scaled.numerator // scaled.denominator * _power(exponent)",
        "tests/unit/numerics/test_numerics.py",
    ),
    "a root rounded down": Mutant(
        "strongltn/numerics/dyadic.py",
        "return (math.isqrt(whole - 1) + 1) * _power(exponent)",
        "return math.isqrt(whole) * _power(exponent)",
        "tests/unit/numerics/test_numerics.py",
    ),
    "a norm witness believed": Mutant(
        "strongltn/numerics/norms.py",
        "return largest * room <= witness.bound**2",
        "return 0 * largest * room <= witness.bound**2",
        "tests/unit/numerics/test_numerics.py",
    ),
    "a rounding forgotten": Mutant(
        "strongltn/numerics/norms.py",
        "return largest * room <= witness.bound**2",
        "return largest <= witness.bound**2",
        "tests/unit/numerics/test_numerics.py",
    ),
    "an error rounded twice": Mutant(
        "strongltn/numerics/row_sums.py",
        "is_rounded_down[row] = distance > np.int64(nearest) and not math.isinf(error[row])",
        "is_rounded_down[row] = False",
        "tests/unit/subset_sum/test_subset_sum_exact.py",
    ),
    "rounded keys believed": Mutant(
        "strongltn/subset_sum/kernels/keys.py",
        "if second <= distance + window:",
        "if second <= distance:",
        "tests/property/test_subset_sum_lanes.py",
    ),
    "ties to the larger sum": Mutant(
        "strongltn/subset_sum/integer_units.py",
        "fraction <= 0.5, 1, 3",
        "fraction < 0.5, 1, 3",
        "tests/property/test_subset_sum.py",
    ),
    "infeasible without proof": Mutant(
        "strongltn/subset_sum/solve.py",
        "verdicts[is_covered] = Verdict.INFEASIBLE",
        "verdicts[:] = Verdict.INFEASIBLE",
        "tests/contract/test_solvers.py",
    ),
    "stopping too early": Mutant(
        "strongltn/subset_sum/solvers/growing_prefix.py",
        "left = left[~(error < tolerance)]",
        "left = left[~(error < 2 * tolerance)]",
        "tests/contract/test_solvers.py",
    ),
    "a missing neuron kept": Mutant(
        "strongltn/construct/build.py",
        "kept & (members >= 0)",
        "kept",
        "tests/unit/construct/test_construct.py",
    ),
    "the error's own gain forgotten": Mutant(
        "strongltn/certify/recursion.py",
        "moved = (bound.weight_norm.bound + bound.error_norm.bound) * difference[-1]",
        "moved = bound.weight_norm.bound * difference[-1]",
        "tests/property/test_certificates.py",
    ),
    "the bias error forgotten": Mutant(
        "strongltn/certify/recursion.py",
        "terms = [bound.error_norm.bound * activation[-1] + bound.bias_error_norm]",
        "terms = [bound.error_norm.bound * activation[-1]]",
        "tests/property/test_certificates.py",
    ),
    "a lower bound rounded up": Mutant(
        "strongltn/certify/attack.py",
        "lower_sqrt(square)",
        "lower_sqrt(2 * square)",
        "tests/property/test_certificates.py",
    ),
    "a coupling paid a quarter": Mutant(
        "strongltn/certify/quadratic/constraints.py",
        "scaled(exponent - 2)",
        "scaled(exponent - 4)",
        "tests/unit/certify/test_quadratic.py",
    ),
    "the auditor forgets a vertex": Mutant(
        "proofs_check/certificate/ranges.py",
        "z = np.clip([z0, z0, z1, z1, none,",
        "z = np.clip([z0, z0, z1, z1, z0,",
        "tests/unit/proofs_check/test_audit_arithmetic.py",
    ),
    "the auditor takes negative roots": Mutant(
        "proofs_check/certificate/exact.py",
        "(t >= 0) & (rest >= 0)",
        "(rest >= 0)",
        "tests/unit/proofs_check/test_audit_arithmetic.py",
    ),
    "ties to the highest index": Mutant(
        "strongltn/search/selection.py",
        "mask[ties[: num_kept - np.count_nonzero(mask)]] = True",
        "mask[ties[::-1][: num_kept - np.count_nonzero(mask)]] = True",
        "tests/unit/search/test_selection.py",
    ),
    "a mask of other scores loaded": Mutant(
        "strongltn/search/masking.py",
        "if not all(torch.equal(m.mask, mask)",
        "if not all(m.mask.shape == mask.shape",
        "tests/unit/search/test_masking.py",
    ),
    "a drift rounded upwards": Mutant(
        "strongltn/theorems/drift.py",
        "scaled.lower().floor()",
        "(scaled.upper() + 1).floor()",
        "tests/unit/proofs_check/test_dynamic_program.py",
    ),
    "a claim believed": Mutant(
        "proofs_check/claims/claim.py",
        "if not evidence.holds:",
        "if False:",
        "tests/unit/proofs_check/test_claims_exact.py",
    ),
    "a pair of subsets without its width": Mutant(
        "proofs_check/claims/subset_moments.py",
        "* (joint + excess[:, None])",
        "* (joint / 2 + excess[:, None])",
        "tests/unit/theorems/test_second_moment.py",
    ),
}


def run_copy(folder, *arguments):
    """Copy the tree into `folder` and run python there, on the copy."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return lambda: subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "kill"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_killed(tmp_path, mutant):
    run = run_copy(tmp_path, "-m", "pytest", "-x", "-q", mutant.tests)
    file = tmp_path / mutant.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, "the mutant's line has changed: write it anew"
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    done = run()
    assert done.returncode == 1, done.stdout[-2000:]  # 1: a test failed; not an import error


def test_the_copy_is_what_runs(tmp_path):
    """Else the mutants would be killed, or live, for the wrong reason."""
    code = "import strongltn, proofs_check; print(strongltn.__file__, proofs_check.__file__)"
    first, second = run_copy(tmp_path, "-c", code)().stdout.split()
    assert Path(first) == tmp_path / "strongltn" / "__init__.py"
    assert Path(second) == tmp_path / "proofs_check" / "__init__.py"
