"""The pretraining loss: what is hidden and observed counts, each variable by its weight."""

import math

import pytest
import torch

from stefaland_sk.modules import Reconstruction, ReconstructionLoss

NAN = float("nan")


def make_truth(n_sites=6, n_times=5, seed=0):
    """Three forcing variables and four attributes, of which the second is a class of three."""
    generator = torch.Generator().manual_seed(seed)
    attributes = torch.randn(n_sites, 4, generator=generator)
    attributes[:, 1] = torch.arange(n_sites) % 3
    return {
        "forcing": torch.randn(n_sites, n_times, 3, generator=generator),
        "forcing_hidden": torch.rand(n_sites, n_times, 3, generator=generator) < 0.5,
        "attributes": attributes,
        "attributes_hidden": torch.rand(n_sites, 4, generator=generator) < 0.5,
    }


def make_reconstruction(truth, n_classes=0, seed=1):
    """Guesses that gradients can be taken of."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [truth["forcing"].shape, truth["attributes"].shape]
    shapes += [(len(truth["attributes"]), n_classes)] if n_classes else []
    parts = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    return Reconstruction(parts[0], parts[1], tuple(parts[2:]))


def test_only_hidden_and_observed_entries_count():
    truth = {
        "forcing": torch.tensor([[[1.0, 3.0], [NAN, 1.0]]]),
        "forcing_hidden": torch.tensor([[[True, False], [True, True]]]),
        "attributes": torch.tensor([[2.0]]),
        "attributes_hidden": torch.tensor([[True]]),
    }
    guess = Reconstruction(torch.tensor([[[3.0, 9.0], [9.0, 2.0]]]), torch.tensor([[5.0]]))
    sums, counts = ReconstructionLoss(2, 1).errors(guess, truth)
    assert sums.tolist() == [4, 1, 9]
    assert counts.tolist() == [1, 1, 1]


def test_loss_is_a_mean_over_variables_with_entries():
    hidden = torch.zeros(1, 4, 3, dtype=bool)
    hidden[0, :, 0], hidden[0, 0, 1] = True, True  # four entries of one, one of another
    truth = {
        "forcing": torch.zeros(1, 4, 3),
        "forcing_hidden": hidden,
        "attributes": torch.zeros(1, 2),
        "attributes_hidden": torch.tensor([[True, False]]),
    }
    guess = Reconstruction(torch.tensor([1.0, 3.0, 100.0]).expand(1, 4, 3), torch.full((1, 2), 2))
    assert ReconstructionLoss(3, 2, attribute_weight=0.25)(guess, truth) == (1 + 9) / 2 + 0.25 * 4
    weighted = ReconstructionLoss(3, 2, forcing_weights=[2, 1, 7], attribute_weights=[0.5, 1])
    assert weighted(guess, truth) == (2 * 1 + 9) / 2 + 0.5 * (0.5 * 4)


def test_a_variable_of_weight_zero_has_no_gradient():
    truth = make_truth()
    guess = make_reconstruction(truth)
    ReconstructionLoss(3, 4, forcing_weights=[1, 0, 1])(guess, truth).backward()
    assert guess.forcing.grad[..., 0].any()
    assert not guess.forcing.grad[..., 1].any()


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("absent", ["nothing hidden", "nothing observed", "no steps"])
def test_empty_sets_give_zero_and_no_gradient(learned, absent):
    truth = make_truth(n_times=0 if absent == "no steps" else 5)
    for name in ("forcing", "attributes"):
        if absent == "nothing hidden":
            truth[f"{name}_hidden"] = torch.zeros_like(truth[f"{name}_hidden"])
        else:
            truth[name] = torch.full_like(truth[name], NAN)
    guess = make_reconstruction(truth, n_classes=3)
    loss = ReconstructionLoss(3, 4, n_classes=(0, 3, 0, 0), learned=learned)
    value = loss(guess, truth)
    value.backward()
    assert value == 0
    gradients = [guess.forcing.grad, guess.attributes.grad, guess.logits[0].grad]
    gradients += [parameter.grad for parameter in loss.parameters()]
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in gradients)


def test_one_empty_variable_leaves_the_others_alone():
    truth = make_truth()
    truth["forcing"][..., 1] = NAN
    guess = make_reconstruction(truth)
    ReconstructionLoss(3, 4)(guess, truth).backward()
    assert guess.forcing.grad.isfinite().all()
    assert not guess.forcing.grad[..., 1].any()
    assert guess.forcing.grad[..., 0].any()


def test_classes_cost_cross_entropy_in_units_of_all_alike():
    truth = make_truth()
    truth["attributes_hidden"][:] = True
    truth["attributes"][0, 1], truth["attributes"][1, 1] = NAN, 3.0  # missing, out of range
    guess = make_reconstruction(truth, n_classes=3)
    loss = ReconstructionLoss(3, 4, n_classes=(0, 3, 0, 0))
    sums, counts = loss.errors(guess, truth)
    chances = torch.softmax(guess.logits[0].detach()[2:], 1)
    codes = truth["attributes"][2:, 1].long()
    expected = -chances[torch.arange(4), codes].log().sum() / math.log(3)
    torch.testing.assert_close(sums[4], expected)
    assert counts[3:].tolist() == [6, 4, 6, 6]
    alike = Reconstruction(guess.forcing, guess.attributes, (torch.zeros(6, 3),))
    sums, counts = loss.errors(alike, truth)
    torch.testing.assert_close(sums[4] / counts[4], torch.tensor(1.0))


def test_the_code_of_a_class_costs_nothing_itself():
    truth = make_truth()
    guess = make_reconstruction(truth, n_classes=3)
    ReconstructionLoss(3, 4, n_classes=(0, 3, 0, 0))(guess, truth).backward()
    assert not guess.attributes.grad[:, 1].any()
    assert guess.logits[0].grad.any()


def test_errors_by_site_are_relative_to_its_deviation():
    truth = make_truth(n_sites=2)
    truth["forcing_hidden"][:] = True
    truth["site_std"] = torch.tensor([[0.1, 0.4, 0.9], [0.0, NAN, 1.9]])
    truth["forcing"][1, :, 1] = NAN
    guess = Reconstruction(truth["forcing"].nan_to_num(0.0) + 1, truth["attributes"])
    sums, counts = ReconstructionLoss(3, 4, error_scale="site").errors(guess, truth)
    expected = torch.tensor([5 / 0.2**2 + 5 / 0.1**2, 5 / 0.5**2, 5 / 1.0**2 + 5 / 2.0**2])
    torch.testing.assert_close(sums[:3], expected)
    assert counts[:3].tolist() == [10, 5, 10]


def test_learned_weights_start_as_none_and_fall_for_a_noisy_variable():
    """The optimum of exp(-a) L + a is a = log(L)."""
    truth = make_truth(n_sites=200)
    truth["forcing_hidden"][:], truth["attributes_hidden"][:] = True, True
    noise = torch.randn(truth["forcing"].shape, generator=torch.Generator().manual_seed(3))
    spread = torch.tensor([0.1, 3.0, 1.0])
    guess = Reconstruction(truth["forcing"] + noise * spread, truth["attributes"] + 0.5)
    loss = ReconstructionLoss(3, 4, learned=True)
    torch.testing.assert_close(loss(guess, truth), ReconstructionLoss(3, 4)(guess, truth))
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(guess, truth).backward()
        optimizer.step()
    weights = torch.exp(-loss.log_variances.detach())
    assert weights[0] > 1 > weights[1]
    expected = torch.cat([spread**2, torch.full((4,), 0.25)]).log()
    torch.testing.assert_close(loss.log_variances.detach(), expected, atol=0.1, rtol=0.1)


def test_learned_weights_of_a_variable_without_entries_do_not_move():
    truth = make_truth()
    truth["forcing"][..., 1] = NAN
    loss = ReconstructionLoss(3, 4, learned=True)
    loss(make_reconstruction(truth), truth).backward()
    assert loss.log_variances.grad[1] == 0
    assert loss.log_variances.grad[0] != 0


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("n_classes", [(), (0, 3, 0, 0)])
def test_mean_over_processes_is_the_loss_of_the_whole_batch(learned, n_classes):
    truth = make_truth(n_sites=8)
    truth["forcing"][:5, :, 0] = NAN  # so that the halves have different counts
    whole = make_reconstruction(truth, n_classes=3 if n_classes else 0)
    loss = ReconstructionLoss(3, 4, n_classes=n_classes, learned=learned, forcing_weights=[1, 2, 3])
    inputs = [whole.forcing, whole.attributes, *whole.logits, *loss.parameters()]
    expected = loss(whole, truth)
    expected_gradients = torch.autograd.grad(expected, inputs)

    halves = []
    for rows in (slice(0, 3), slice(3, 8)):
        logits = tuple(scores[rows] for scores in whole.logits)
        guess = Reconstruction(whole.forcing[rows], whole.attributes[rows], logits)
        halves.append((guess, {name: values[rows] for name, values in truth.items()}))
    counts = [torch.cat([loss.errors(*half)[1], torch.ones(1, dtype=int)]) for half in halves]
    loss.total = lambda local: sum(counts)
    mean = sum(loss(*half) for half in halves) / 2
    torch.testing.assert_close(mean, expected)
    for got, want in zip(torch.autograd.grad(mean, inputs), expected_gradients, strict=True):
        torch.testing.assert_close(got, want)


def test_processes_sum_their_counts_and_their_number():
    truth = make_truth()
    guess = make_reconstruction(truth)
    loss = ReconstructionLoss(3, 4)
    expected, seen = loss(guess, truth), []

    def total(local):
        seen.append(local)
        return 2 * local  # two processes with the same batch

    loss.total = total
    torch.testing.assert_close(loss(guess, truth), expected)
    assert seen[0].tolist() == [*loss.errors(guess, truth)[1].tolist(), 1]


def test_loss_is_float32_whatever_the_network_gives():
    truth = make_truth()
    guess = make_reconstruction(truth, n_classes=3)
    loss = ReconstructionLoss(3, 4, n_classes=(0, 3, 0, 0))
    half = Reconstruction(guess.forcing.bfloat16(), guess.attributes.bfloat16(), guess.logits)
    assert loss(half, truth).dtype == torch.float32
    torch.testing.assert_close(loss(half, truth), loss(guess, truth), atol=0.02, rtol=0.02)


def test_fixed_weights_move_with_the_module_and_are_no_parameters():
    loss = ReconstructionLoss(3, 4, forcing_weights=[1, 2, 3])
    assert list(loss.parameters()) == []
    assert loss.state_dict() == {}
    assert loss.double().weights.dtype == torch.float64


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"forcing_weights": [1, 2]}, r"`forcing_weights` must hold 3 finite .*Got \[1.0, 2.0\]"),
        ({"attribute_weights": [1, -1, 1, 1]}, "`attribute_weights` must hold 4 finite numbers"),
        ({"forcing_weights": [1, NAN, 1]}, "`forcing_weights` must hold 3 finite numbers"),
        ({"error_scale": "basin"}, "`error_scale` must be one of .*Got 'basin'"),
    ],
)
def test_loss_names_the_wrong_parameter(values, message):
    with pytest.raises(ValueError, match=message):
        ReconstructionLoss(3, 4, **values)


def test_loss_names_what_does_not_fit():
    truth = make_truth()
    guess = make_reconstruction(truth)
    with pytest.raises(ValueError, match=r"reconstructed forcing, the true .*got \(6, 4, 3\)"):
        ReconstructionLoss(3, 4)(guess._replace(forcing=guess.forcing[:, :4]), truth)
    with pytest.raises(ValueError, match="is of 2 forcing variables and 5 attributes; got 3 and 4"):
        ReconstructionLoss(2, 5)(guess, truth)
    with pytest.raises(ValueError, match=r'`truth\["site_std"\]` must have shape \(6, 3\).*None'):
        ReconstructionLoss(3, 4, error_scale="site")(guess, truth)
