"""`kerazoo choose`: which are timed, which one is picked, and what is said where none fits."""

import json

import pytest

import kerazoo
from kerazoo.checkpoints.records import get_checkpoint
from kerazoo.choosing import probe as probing
from kerazoo.choosing import run as choosing
from kerazoo.choosing import timing
from kerazoo.choosing.budget import milliseconds
from kerazoo.choosing.candidates import Candidate, candidates, promising
from kerazoo.choosing.choice import Choice, Timed, frontier, pick
from kerazoo.choosing.plot import save_plot, text_plot
from kerazoo.choosing.search import estimate, next_one
from kerazoo.choosing.timing import Timing
from kerazoo.cli import main
from kerazoo.tasks import TASKS, get_task
from tests.pictures import photographs


def made(name, macs, figure):
    return Candidate(name, name, figure, (32, 32), 1000, macs)


def timed(name, ms, score, macs=1):
    return Timed(made(name, macs, score), ms, (ms, ms), score)


@pytest.fixture
def in_milliseconds(monkeypatch):
    """Weights -> milliseconds; nothing is built, and times are these."""
    times, opened = {}, []

    def open_one(candidate, runtime, threads):
        opened.append(candidate.weights)
        if candidate.weights not in times:
            raise RuntimeError("no such\noperation")
        return (lambda: candidate.weights), "onnx" if runtime == "auto" else runtime

    def run(runs, rounds, repeats=2):
        return {each: [times[call()] / 1e3] * rounds * repeats for each, call in runs.items()}

    monkeypatch.setattr(timing, "opened", open_one)
    monkeypatch.setattr(timing, "round_robin", run)
    return times, opened


class TestBudget:
    @pytest.mark.parametrize(
        ("text", "ms"), [("15 ms", 15), ("0.5s", 500), ("50 fps", 20), (7, 7), (2.5, 2.5)]
    )
    def test_forms(self, text, ms):
        assert milliseconds(text) == ms

    @pytest.mark.parametrize("wrong", ["15", "0 ms", "0 fps", "-1 ms", "", "1 min", 0, -3, True])
    def test_others_are_refused(self, wrong):
        with pytest.raises(ValueError, match="budget"):
            milliseconds(wrong)


class TestCandidates:
    @pytest.mark.parametrize("task", TASKS)
    def test_they_are_of_one_data_set_with_the_least_work_first(self, task):
        dataset, found = candidates(task)
        assert [each.macs for each in found] == sorted(each.macs for each in found)
        for each in found:
            record = get_checkpoint(each.weights)
            assert (record.task, record.dataset) == (task, dataset)
            assert each.figure == record.metrics[get_task(task).monitor.metric]
            assert each.size == tuple(record.size)

    def test_who_is_beaten_twice_is_left_out(self):
        best, rival, beaten = made("a", 1, 70), made("b", 1, 69), made("c", 2, 60)
        assert promising([beaten, best, rival], rivals=2) == [best, rival]
        assert beaten in promising([beaten, best], rivals=2)

    def test_named_ones(self):
        _, found = candidates("classification", ["mixnet_s", "keras/mobilenet_v1_0.25_128"])
        assert [each.weights for each in found] == [
            *("keras/mobilenet_v1_0.25_128", "timm/tf_mixnet_s.in1k"),
        ]
        with pytest.raises(ValueError, match="mixnet_s"):
            candidates("classification", ["mixnet_z"])
        with pytest.raises(ValueError, match="published for coco"):
            candidates("detection", ["mixnet_s"])
        with pytest.raises(ValueError, match="cifar10"):
            candidates("classification", dataset="mnist")

    def test_work_goes_with_the_pixels(self):
        _, found = candidates("classification", ["keras/mobilenet_v1_0.25_128"])
        whole = kerazoo.registry.get_entry("mobilenet_v1_025").macs
        assert found[0].macs == round(whole * (128 / 224) ** 2)


class TestPick:
    def test_the_best_within_the_budget(self):
        found = [timed("a", 1, 50), timed("b", 5, 70), timed("c", 4, 70), timed("d", 9, 80)]
        assert pick(found, 8).candidate.weights == "c"
        assert pick(found, 0.5) is None
        assert [each.candidate.weights for each in frontier(found)] == ["a", "c", "d"]

    def test_what_has_no_score_is_not_picked(self):
        assert pick([timed("a", 1, None), timed("b", 2, 3)], 5).candidate.weights == "b"


def search(found, times, limit, wanted=1):
    """Those that are timed one after the other, as far as `times` (by name) has them."""
    known = {}
    while (candidate := next_one(found, known, limit, wanted)) is not None:
        known[candidate] = times[candidate.weights]
    return [each.weights for each in known]


class TestSearch:
    found = [made(str(number), 10 * 2**number, 40 + number) for number in range(12)]
    times = {each.weights: each.macs / 10 for each in found}  # 1, 2, 4, … 2048 ms

    @pytest.mark.parametrize("limit", [1, 5, 100, 2048, 5000])
    def test_few_times_show_the_pick_and_that_the_next_better_one_is_none(self, limit):
        timed = search(self.found, self.times, limit)
        best = max(int(name) for name, ms in self.times.items() if ms <= limit)
        assert str(best) in timed
        assert best == 11 or str(best + 1) in timed
        assert len(timed) <= 5

    def test_it_begins_in_the_middle_of_those_that_none_beats(self):
        beaten = [made(f"b{number}", 21 + number, 39) for number in range(30)]
        assert search([*self.found, *beaten], self.times, 64)[0] == "6"

    def test_the_fastest_is_known_where_none_fits(self):
        assert "0" in search(self.found, self.times, 0.01)

    def test_one_whose_family_is_fast_is_found(self):
        slow, fast = made("slow", 100, 60), made("fast", 150, 61)
        times = self.times | {"slow": 40.0, "fast": 14.0}
        timed = search([*self.found, slow, fast], times, 15)
        assert "fast" in timed

    def test_several_of_the_best(self):
        timed = search(self.found, self.times, 100, wanted=3)
        assert {"4", "5", "6", "7"} <= set(timed)  # 16, 32 and 64 ms, and the next
        assert "2" not in timed

    def test_estimates(self):
        known = {made("a", 100, 1): 10.0, made("b", 400, 1): 20.0}
        assert estimate(made("c", 200, 1), known) == pytest.approx(200**0.5)
        assert estimate(made("d", 50, 1), known) == 5
        assert estimate(made("e", 800, 1), known) == 40


class TestTiming:
    def test_how_long_it_will_take_is_told(self, in_milliseconds):
        times, _ = in_milliseconds
        times |= {"a": 3.0, "b": 4.0}
        told, now = [], iter([0.0, 6.0, 12.0])
        found = Timing("onnx", 5, None, told.append, lambda: next(now))
        found.all_of([made("a", 1, 50), made("b", 2, 60)])
        assert told == [
            "networks to build and time: 2",
            "a: 3.0 ms; 1 more at most, about 0:00:06",
            "b: 4.0 ms",
            "timing 2 of them in turn, about 0:00:02",
        ]

    def test_what_seemed_to_fit_and_does_not_raises_the_question_again(self, monkeypatch):
        """Alone it took 95 ms, in turn with others 105: the one below is timed as well."""
        found = TestSearch.found
        alone, asked = TestSearch.times | {"7": 95.0}, []

        def run(runs, rounds, repeats):
            in_turn = rounds == timing.ROUNDS
            names = {each: each.weights for each in runs}
            asked.extend(names.values() if in_turn else ())
            return {
                each: [(105.0 if in_turn and name == "7" else alone[name]) / 1e3] * 2
                for each, name in names.items()
            }

        monkeypatch.setattr(timing, "opened", lambda each, runtime, threads: (None, runtime))
        monkeypatch.setattr(timing, "round_robin", run)
        timed = Timing("onnx", 100, None, lambda line: None)
        timed.best_of(found)
        assert timed.times[found[7]].ms == 105
        assert found[6] in timed.times
        assert asked.count("6") >= 1

    def test_the_search_ends(self, in_milliseconds, monkeypatch):
        times, opened = in_milliseconds
        times |= TestSearch.times
        monkeypatch.setattr(timing, "MOST", 2)
        told = []
        Timing("onnx", 5, None, told.append).best_of(TestSearch.found)
        assert len(opened) == 2
        assert "2 networks were timed" in told[-1]
        assert "might fit as well" in told[-1]


class TestChoose:
    def test_few_are_timed_and_the_pick_is_the_best_of_all(self, in_milliseconds):
        times, opened = in_milliseconds
        _, found = candidates("classification")
        times |= {each.weights: each.macs / 1e7 for each in found}  # 10 million a millisecond
        told = []
        choice = kerazoo.choose("classification", "20 ms", runtime="litert", tell=told.append)
        within = [each for each in found if each.macs / 1e7 <= 20]
        assert choice.pick.candidate == max(within, key=lambda each: (each.figure, -each.macs))
        assert choice.runtime == "litert"
        assert len(opened) <= 7
        assert sorted([*opened, *choice.not_timed]) == sorted(each.weights for each in found)
        assert choice.pick.candidate.weights in choice.command
        assert any(f"10 of {len(found)} at most" in line for line in told)

    def test_named_ones_are_all_timed(self, in_milliseconds):
        times, opened = in_milliseconds
        ids = ["timm/tf_mixnet_s.in1k", "timm/tf_mixnet_m.in1k", "timm/tf_mixnet_l.in1k"]
        times |= dict.fromkeys(ids, 30.0) | {ids[0]: 3.0}
        choice = kerazoo.choose("classification", 4, models=["mixnet_l", "mixnet_s", "mixnet_m"])
        assert opened == ids
        assert choice.pick.candidate.weights == ids[0]
        assert choice.not_timed == ()

    @pytest.mark.parametrize("there", [True, False])
    def test_it_says_whether_the_weights_are_here(self, in_milliseconds, monkeypatch, there):
        times, _ = in_milliseconds
        times["timm/tf_mixnet_s.in1k"] = 3.0
        asked = []
        monkeypatch.setattr(choosing, "is_fetched", lambda record: asked.append(record.id) or there)
        choice = kerazoo.choose("classification", 15, models=["mixnet_s"])
        assert choice.fetched is choice.to_dict()["fetched"] is there
        assert asked == ["timm/tf_mixnet_s.in1k"]

    def test_what_cannot_be_run_is_named(self, in_milliseconds):
        times, _ = in_milliseconds
        times["timm/tf_mixnet_s.in1k"] = 3.0
        models = ["mixnet_s", "mixnet_m"]
        choice = kerazoo.choose("classification", 15, models=models)
        assert choice.left_out == {"timm/tf_mixnet_m.in1k": "no such operation"}
        assert choice.runtime == "onnx"

    def test_a_budget_that_none_meets_names_the_fastest(self, in_milliseconds):
        times, _ = in_milliseconds
        times |= {"timm/tf_mixnet_s.in1k": 3.25, "timm/tf_mixnet_m.in1k": 5.0}
        with pytest.raises(ValueError, match=r"timm/tf_mixnet_s\.in1k on onnx, takes 3\.2 ms"):
            kerazoo.choose("classification", "1 ms", models=["mixnet_s", "mixnet_m"])

    def test_none_could_be_timed(self, in_milliseconds):
        with pytest.raises(ValueError, match="no such operation"):
            kerazoo.choose("classification", "1 ms", models=["mixnet_s"])

    def test_data_for_a_task_without_a_probe(self):
        with pytest.raises(ValueError, match="no cheap probe for detection"):
            kerazoo.choose("detection", "15 ms", "boxes/")

    def test_with_data_a_probe_on_held_out_pictures_decides(self, in_milliseconds, monkeypatch):
        times, _ = in_milliseconds
        ids = ["timm/tf_mixnet_s.in1k", "timm/tf_mixnet_m.in1k", "timm/tf_mixnet_l.in1k"]
        times |= dict.fromkeys(ids, 3.0) | {ids[2]: 30.0}
        asked = []

        def probe(weights, sources, output, **how):
            asked.append((weights, sources, how))
            if weights == ids[1]:
                raise ValueError("cannot be fetched")
            return {"validation": {"probe": 0.81}}

        monkeypatch.setattr("kerazoo.training.finetuning.run.finetune", probe)
        monkeypatch.setattr(choosing, "open_sources", lambda *given: given)
        models = ["mixnet_s", "mixnet_m", "mixnet_l"]
        choice = kerazoo.choose("classification", 15, "pets/", models=models)
        assert choice.pick.candidate.weights == ids[0]
        assert choice.pick.score == 81.0
        assert [weights for weights, _, _ in asked] == [ids[1], ids[0]]  # the third takes too long
        assert asked[0][1:] == (("pets/", None, "classification"), {"unfreeze_epochs": 0})
        assert choice.left_out == {ids[1]: "cannot be fetched"}
        assert choice.command == (f"kerazoo finetune {ids[0]} --data pets/ --output runs/mixnet_s")

    def test_wrong_data_are_told_before_anything_is_timed(self, in_milliseconds, tmp_path):
        with pytest.raises(ValueError, match="nowhere"):
            kerazoo.choose("classification", 15, tmp_path / "nowhere")
        assert in_milliseconds[1] == []

    def test_the_test_split_is_not_looked_at(self, tmp_path):
        for split, count in (("train", 6), ("test", 2)):
            for name in ("cat", "dog"):
                folder = tmp_path / split / name
                folder.mkdir(parents=True)
                for number, picture in enumerate(photographs(count)):
                    picture.save(folder / f"{number}.png")
        sources = probing.open_sources(str(tmp_path), None, "classification")
        assert sorted(sources) == ["train", "validation"]
        assert sum(source.count for source in sources.values()) == 12

    def test_a_real_network_is_timed(self):
        (weights,) = models = ["keras/mobilenet_v1_0.25_128"]
        choice = kerazoo.choose("classification", "10 s", models=models, runtime="tensorflow")
        assert choice.pick.candidate.weights == weights
        assert 0 < choice.pick.ms < 10_000
        assert choice.pick.quartiles[0] <= choice.pick.ms <= choice.pick.quartiles[1]


@pytest.fixture
def choice():
    found = (timed("a", 1.0, 50.0), timed("b", 2.0, 49.0), timed("c", 6.0, 70.0))
    figure = get_task("classification").monitor
    return Choice("classification", figure, 3.0, "onnx", "imagenet", found, found[0], True)


def test_a_busy_machine_is_told(in_milliseconds, monkeypatch):
    times, _ = in_milliseconds
    times["timm/tf_mixnet_s.in1k"] = 3.0
    told = []
    monkeypatch.setattr(choosing, "describe_machine", lambda: {"load_average": 9.25, "cores": 2})
    kerazoo.choose("classification", 15, models=["mixnet_s"], tell=told.append)
    assert told[0].startswith("other work is going on here (9.2 processes on 2 cores)")


class TestShowing:
    def test_letters(self, choice):
        plot = text_plot(choice)
        assert plot.startswith("top-1 (%)")
        signs = "".join(plot.splitlines()[1:-1])
        assert [signs.count(sign) for sign in "#o"] == [1, 1]
        column = plot.splitlines()[-2].index("|")  # the budget lies between b and c
        row = next(line for line in plot.splitlines() if "o" in line[7:])
        assert row.index("o", 7) > column

    def test_a_picture(self, choice, tmp_path):
        save_plot(choice, tmp_path / "a.png")
        assert kerazoo.open_picture(tmp_path / "a.png").size == (900, 600)

    def test_json(self, choice):
        facts = json.loads(json.dumps(choice.to_dict()))
        assert facts["pick"] == "a"
        assert [row["within_budget"] for row in facts["timed"]] == [True, True, False]
        assert [row["frontier"] for row in facts["timed"]] == [True, False, True]


class TestCommand:
    def test_a_table_a_plot_and_what_goes_on(self, capsys, in_milliseconds, tmp_path):
        times, _ = in_milliseconds
        times |= {"timm/tf_mixnet_s.in1k": 3.25, "timm/tf_mixnet_m.in1k": 5.0}
        plot = tmp_path / "a.png"
        command = ["choose", "--task", "classification", "--budget", "4 ms"]
        command += ["--models", "mixnet_s", "mixnet_m", "--plot", str(plot)]
        assert main(command) == 0
        shown = capsys.readouterr().out
        assert "#  timm/tf_mixnet_s.in1k  3.25" in shown
        assert shown.splitlines()[-2].startswith("Its weights ")
        assert shown.splitlines()[-1] == (
            "kerazoo predict timm/tf_mixnet_s.in1k cat.jpg --runtime onnx"
        )
        assert plot.is_file()
        assert main(command) == 2  # before anything is timed
        assert "a.png" in capsys.readouterr().err

    def test_a_wrong_budget_is_one_line(self, capsys):
        assert main(["choose", "--task", "detection", "--budget", "soon"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
