"""Every claim can fail: each error of the list is planted, and its check must notice."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from importlib import import_module

import pytest
from planted import PLANTS
from planted.error import PlantedError, edited

from proofs_check.claims import drift, dynamic_program
from proofs_check.claims.claim import Effort
from proofs_check.claims.ledger import CLAIMS
from proofs_check.claims.run import generator

BY_ID = {claim.id: claim for claim in CLAIMS}


def is_noticed(plant, monkeypatch):
    """Whether the plant changes the verdict; an exception passes through and is no catch."""
    claim = BY_ID[plant.claim]
    plant.plant(monkeypatch)
    # The check is looked up again, since it may be what was edited.
    check = getattr(import_module(claim.check.__module__), claim.check.__name__)
    outcome = replace(claim, check=check).outcome(Effort.QUICK, generator(claim, seed=0))
    return not outcome.is_expected


@pytest.mark.parametrize("plant", PLANTS, ids=[plant.label for plant in PLANTS])
def test_a_planted_error_is_noticed(plant, monkeypatch):
    assert is_noticed(plant, monkeypatch), f"{plant.claim} does not see that {plant.what}"


def test_the_labels_are_unique():
    assert [label for label, count in Counter(p.label for p in PLANTS).items() if count > 1] == []


def test_each_claim_has_three_planted_errors_and_a_small_one():
    plants = {identity: [p for p in PLANTS if p.claim == identity] for identity in BY_ID}
    assert {plant.claim for plant in PLANTS} <= set(BY_ID)
    poor = {
        identity
        for identity, found in plants.items()
        if len(found) < (1 if BY_ID[identity].is_control else 3)
        or not (BY_ID[identity].is_control or any(plant.is_small for plant in found))
    }
    assert poor == set()


def test_there_are_a_hundred_planted_errors():
    assert len(PLANTS) >= 100


# The tests of the tests


def test_a_plant_that_changes_nothing_is_not_noticed(monkeypatch):
    plant = PlantedError("C01", "nothing is wrong", "sign_split", "_is_identity", lambda true: true)
    assert not is_noticed(plant, monkeypatch)


def test_a_plant_that_raises_is_no_catch(monkeypatch):
    plant = PlantedError("C01", "the check cannot run", "sign_split", "_is_identity", lambda _: 7)
    with pytest.raises(TypeError):
        is_noticed(plant, monkeypatch)


def test_an_edited_function_differs_in_its_edit_alone(monkeypatch):
    edit = edited("p(1-p)", "p(2-p)")
    true = drift._drift_identity
    PlantedError("C02", "", "drift", "_drift_identity", edit).plant(monkeypatch)
    assert drift._drift_identity.__globals__ is true.__globals__
    first, second = (
        check(Effort.QUICK, generator(BY_ID["C02"], seed=0)).summary
        for check in (true, drift._drift_identity)
    )
    assert first.replace("p(1-p)", "p(2-p)") == second != first


def test_a_static_method_can_be_edited(monkeypatch):
    plant = PlantedError("C10", "", "dynamic_program", "Program.of", edited("2 * eta", "4 * eta"))
    law, eta = dynamic_program.Law.UNIFORM, Fraction(1, 64)
    options = {"length": Fraction(1), "cells_per_octave": 4}
    before = dynamic_program.Program.of(law, eta, **options)
    with pytest.raises(ValueError, match="2 times"):
        plant.plant(monkeypatch)
    once = edited("start = 2 * eta", "start = 4 * eta")
    PlantedError("C10", "", "dynamic_program", "Program.of", once).plant(monkeypatch)
    after = dynamic_program.Program.of(law, eta, **options)
    assert after.points[0] == 2 * before.points[0]
