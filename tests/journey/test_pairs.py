"""Journeys in the tab Non-autoregressive: a race with one's own source, and pairs from home."""

from collections.abc import Callable
from pathlib import Path

from tests.journey.screen import Program
from tests.journey.test_journey import plan_for_long, train, wait_for_sample
from tests.journey.test_pictures import CARD, DRAWN, LIVE, SHOWN, go_to, leave, look_at, pause

Launch = Callable[[], Program]

NONAUTOREGRESSIVE = 7
RACE = f"{CARD}.holder.currentWidget()"
DATA = "page.setup.data"
RESULT = "page.sampling.result.payload"
GRAVE = "[each.text for each in window.strip.messages if each.grave]"


def test_a_race(launch: Launch) -> None:
    """Train one click's worth, let all ways run, give them a source of one's own, look inside."""
    program = launch()
    go_to(program, NONAUTOREGRESSIVE)
    assert program.ask("page.session.model.key") == "draft-and-verify"
    plan_for_long(program)
    train(program)
    program.wait(f"{LIVE} is not None and len({LIVE}.rows) == 8")
    watch_them_run(program)
    give_a_source(program)
    see_who_depends_on_whom(program)
    pause(program)
    count_and_time(program)
    generate_from(program, "5 May 2025")
    leave(program)


def watch_them_run(program: Program) -> None:
    """Each way has a lane and a clock; from the start, time goes by and tokens come."""
    look_at(program, "race")
    names = program.ask(f"[str(lane.name) for lane in {SHOWN}.lanes]")
    assert names == ["One by one", "At once", "4 rounds", "Draft and verify"]
    passes = program.ask(f"[lane.passes for lane in {SHOWN}.lanes]")
    assert passes[1] == 1
    assert passes[2] <= 4
    program.wait(f"not {RACE}.under_way or {RACE}.playing")
    program.click(f"{RACE}.first")
    program.wait(f"{RACE}.now == 0 and not {RACE}.playing")
    program.click(f"{RACE}.button")
    program.wait(f"0 < {RACE}.now")
    program.wait(f"{RACE}.now >= {RACE}.end")


def give_a_source(program: Program) -> None:
    """What is typed is what runs; characters that nobody knows are said, and harm nothing."""
    field = f"{CARD}.form.rows['source'].field"
    program.set_text(field, "5 May 2025")
    program.wait(f"{SHOWN}.given == '5 May 2025'")
    program.set_text(field, "5 May #")
    program.wait(f"{SHOWN}.given == '5 May #'")
    program.wait(f"'#' in {SHOWN}.caption.values['next']")


def see_who_depends_on_whom(program: Program) -> None:
    """A triangle for the decoder that writes one by one, a full square for the other."""
    look_at(program, "mask")
    causal, parallel = (f"{SHOWN}.panels[{number}].values" for number in (0, 1))
    size = program.ask(f"{causal}.shape[0]")
    assert program.ask(f"int(({causal} > 0).sum())") <= size * (size + 1) // 2
    assert program.ask(f"float(__import__('numpy').triu({causal}, 1).max())") == 0.0
    program.wait(f"int(({parallel} > 0).sum()) == {size * size}")


def count_and_time(program: Program) -> None:
    """The table of scores has a row for each way, each measured."""
    look_at(program, "scores")
    program.wait(f"{DRAWN} and len({SHOWN}.rows) == 4", 300)
    for row in program.ask(f"[[cell.value for cell in row[1:]] for row in {SHOWN}.rows]"):
        exact, _chrf, _bleu, _errors, alone, together, passes = row
        assert 0 <= exact <= 100
        assert 0 < together < alone
        assert passes >= 1


def generate_from(program: Program, source: str) -> None:
    """The sample is of what was typed."""
    program.set_text("page.sampling.form.rows['source'].field", source)
    program.click("page.sampling.generate_button")
    program.wait(f"{RESULT} is not None and {RESULT}.title == {source!r}")
    wait_for_sample(program)


def test_own_pairs(launch: Launch, tmp_path: Path) -> None:
    """A table with a column too few is refused; a good one is learned from."""
    (tmp_path / "bad.csv").write_text("one\ntwo\n" * 20, encoding="utf-8")
    letters = "abcdef"
    words = [a + b + c for a in letters for b in letters for c in letters]
    rows = "".join(f"{word},{word[::-1]}\n" for word in words)
    (tmp_path / "good.csv").write_text("source,target\n" + rows, encoding="utf-8")
    program = launch()
    go_to(program, NONAUTOREGRESSIVE)
    before = program.ask(f"{DATA}.data.key")
    open_table(program, "bad.csv")
    program.wait(f"{DATA}.problem.isVisible()")
    told = program.ask(f"{DATA}.problem.text()")
    assert "bad.csv" in told
    assert "line 1" in told
    assert program.ask(f"{DATA}.data.key") == before
    open_table(program, "good.csv")
    program.wait(f"{DATA}.data.key.endswith('good.csv')")
    assert program.ask(f"sum({DATA}.data.counts)") == len(words)
    plan_for_long(program)
    train(program)
    program.wait(f"{LIVE} is not None and len({LIVE}.rows) == 8")
    assert all(len(word) == 3 for word in program.ask(f"[row[0].text for row in {LIVE}.rows]"))
    pause(program)
    assert [each for each in program.ask(GRAVE) if "bad.csv" not in each] == []
    program.key("ctrl+q")
    program.ended()


def open_table(program: Program, name: str) -> None:
    """By the button beside the data."""
    program.ask(f"reveal({DATA}.open_button)")
    program.click(f"{DATA}.open_button")
    program.focus("dialog")
    program.click(f"file(dialog, {name!r})")
    program.click("accept(dialog)")
    program.wait("dialog is None")
    program.focus()
