"""Journeys with pictures and points: dragged, picked, taken along, and brought from home."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.journey.screen import Program
from tests.journey.test_journey import plan_for_long, train, wait_for_sample

Launch = Callable[[], Program]

GAN, DIFFUSION, VAE = 3, 5, 6
CARD = "page.pictures.current"
SHOWN = f"{CARD}.holder.payload"
LIVE = "page.sampling.live.payload"
DRAWN = "page.pictures._job is None and not page.strip.pump._queue"  # and shown


# --- steps that several journeys take


def go_to(program: Program, tab: int) -> None:
    """Wait until it is ready, and go to a tab."""
    program.ready()
    program.show_tab("window.tabs.tabBar()", tab)
    program.wait("page is not None and page.setup.data.data is not None")


def look_at(program: Program, view: str) -> None:
    """Go to a picture, and have it drawn."""
    index = program.ask(f"list(page.pictures.cards).index({view!r})")
    program.show_tab("page.pictures.tabs", index)
    if program.ask(f"{CARD}.on_demand"):
        program.click(f"{CARD}.show_button")
    program.wait(f"{SHOWN} is not None or {CARD}.problem.isVisible()")
    assert program.ask(f"{SHOWN} is not None"), program.ask(f"{CARD}.problem.text()")


def pause(program: Program) -> int:
    """Press Pause; the step it stands at."""
    program.click("page.transport.train_button")
    program.wait("page.session.status == 'paused'")
    program.wait("page.transport.train_button.text() == 'Continue'")
    step: int = program.ask("page.session.step")
    return step


def tile(wall: str, index: int) -> str:
    """Where a picture of a wall is."""
    return f"box({wall}, {wall}.place({index}).toAlignedRect())"


def leave(program: Program) -> None:
    """Ctrl+Q; and nothing went wrong on the way."""
    assert program.ask("[each.text for each in window.strip.messages if each.grave]") == []
    program.focus()
    program.key("ctrl+q")
    program.ended()
    assert "Traceback" not in program.said(), program.said()


# --- pictures and their codes


def test_vae(launch: Launch, tmp_path: Path) -> None:
    """Watch the wall, drag over the map, pick for a sum, and take a picture along."""
    program = launch()
    go_to(program, VAE)
    assert program.ask("page.setup.data.choice.currentData()") == "digits"
    plan_for_an_hour(program)
    train(program)
    see_the_wall_change(program)
    look_at(program, "map")
    pause(program)
    drag_over_the_map(program)
    pick_for_a_group(program)
    click_a_sample(program)
    take_it_along(program, tmp_path / "mine.png")
    leave(program)


def plan_for_an_hour(program: Program) -> None:
    """So that a slow machine does not come to the end of the one minute that is planned."""
    more = "page.setup.train.more"
    program.ask(f"reveal({more})")
    program.click(more)
    field = "page.setup.train.rows['seconds'].field"
    program.wait(f"reveal({field}) and box({field})")
    program.set_text(field, "3600\n")
    program.wait("page.session.train.seconds == 3600")


def see_the_wall_change(program: Program) -> None:
    """The model draws while it learns, the same seeds, and what it draws changes."""
    program.wait(f"{LIVE} is not None")
    step, pixels = program.ask(f"(page.sampling.live_step.text(), hash({LIVE}.pixels.tobytes()))")
    program.wait(f"page.sampling.live_step.text() != {step!r}")
    program.wait(f"hash({LIVE}.pixels.tobytes()) != {pixels}")
    program.wait("box(page.sampling.live.currentWidget().wall)")


def drag_over_the_map(program: Program) -> None:
    """The picture follows while the ring is still held; let go, all agree where it is."""
    plane, decoded = f"{CARD}.holder.currentWidget().children_[0]", f"{SHOWN}.panels[1].pixels"
    knobs = f"({CARD}.form.value().x, {CARD}.form.value().y)"
    x, y = program.ask(knobs)
    pixels = program.ask(f"hash({decoded}.tobytes())")
    ring = f"{plane}.pixel_of({plane}.handles[0].x, {plane}.handles[0].y)"
    with program.dragging(f"spot({plane}.view, {ring})", 60, -40):
        program.wait(f"{CARD}.form.value().x > {x} and {CARD}.form.value().y > {y}")
        program.wait(f"hash({decoded}.tobytes()) != {pixels}")
        assert program.ask(f"{plane}.gripped") == 0
    program.wait(f"{plane}.gripped is None")
    held = "[{0}.x, {0}.y]".format
    program.wait(f"{held(SHOWN + '.panels[0].handles[0]')} == list({knobs})")
    program.wait(f"{held(plane + '.handles[0]')} == list({knobs})")


def pick_for_a_group(program: Program) -> None:
    """A click puts a picture into group A, another group takes the next one."""
    look_at(program, "arithmetic")
    pictures = f"{CARD}.holder.currentWidget().children_[0]"
    wall = f"{pictures}.wall"
    picked = set(program.ask(f"{SHOWN}.panels[0].picked[0] + {SHOWN}.panels[0].picked[1]"))
    other, target = [number for number in range(1, 20) if number not in picked][:2]
    sums = f"hash({SHOWN}.panels[1].pixels.tobytes())"
    before = program.ask(sums)
    program.click(tile(wall, other))
    program.wait(f"{other} in {CARD}.form.value().group_a")
    program.wait(f"{other} in {SHOWN}.panels[0].picked[0] and {sums} != {before}")
    program.click(f"{pictures}.buttons.button(2)")
    program.click(tile(wall, target))
    program.wait(f"{CARD}.form.value().target == {target}")
    program.wait(f"{SHOWN}.panels[0].picked[2] == ({target},)")


def click_a_sample(program: Program) -> None:
    """A click on a picture of one's sample tells its seed, and what it is nearest to."""
    program.click("page.sampling.generate_button")
    wait_for_sample(program)
    wall = "page.sampling.result.currentWidget().wall"
    seed = program.ask("page.sampling.result.payload.numbers[5]")
    program.click(tile(wall, 5))
    program.wait("page.sampling.tile.isVisible()")
    program.wait(f"'{seed}' in page.sampling.tile.text()")
    program.wait("page.pictures.cards['nearest'].form.value().sample == 6")
    look_at(program, "nearest")
    program.wait(f"{SHOWN}.pixels[0].tolist() == page.sampling.result.payload.pixels[5].tolist()")


def take_it_along(program: Program, path: Path) -> None:
    """Export a PNG under a name of one's own: it says inside how it was made."""
    program.click("page.sampling.export_button")
    program.click("entry(page.sampling.export_menu, 'Picture')")
    program.focus("dialog")
    program.key("ctrl+a")
    program.type(f"{path}\n")
    program.wait("dialog is None")
    program.wait(f"any({path.name!r} in each.text for each in window.strip.messages)")
    with Image.open(path) as picture:
        assert min(picture.size) > 200
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20, "nothing is to be seen on it"
        about = picture.text  # type: ignore[attr-defined]
    assert about["model"] == "vae"
    assert about["data"] == "digits"
    assert json.loads(about["sample"])["count"] == 16
    assert json.loads(about["net"])["latent"] == 16


# --- points, and two networks


def test_gan_of_points(launch: Launch) -> None:
    """Turn a knob that is a word while it trains; step, reset, and take the old run up again."""
    program = launch()
    go_to(program, GAN)
    program.choose("page.setup.model", "gan-2d")
    program.wait("page.session.model.key == 'gan-2d' and page.setup.data.data is not None")
    plan_for_long(program)
    train(program)
    program.wait(f"{LIVE} is not None and len({LIVE}.dots) == 2")
    see_the_surface_move(program)
    let_one_learn(program)
    left_at = step_by_hand(program)
    program.click("page.transport.reset_button")
    program.wait("page.session.status == 'empty' and page.session.learner is None")
    program.wait(f"{SHOWN} is None and {LIVE} is None")
    program.wait("page.transport.train_button.text() == 'Train'")
    take_up_again(program, left_at)
    leave(program)


def see_the_surface_move(program: Program) -> None:
    """The discriminator's surface is drawn again while it learns."""
    look_at(program, "surface")
    before = program.ask(f"hash({SHOWN}.surface.tobytes())")
    program.wait(f"hash({SHOWN}.surface.tobytes()) != {before}")
    assert program.ask(f"{SHOWN}.surface.min() >= 0 and {SHOWN}.surface.max() <= 1") is True
    program.wait(f"box({CARD}.holder.currentWidget().view)")


def let_one_learn(program: Program) -> None:
    """From now on the generator alone: in force at once, and marked on the curve."""
    field = "page.setup.train.rows['who'].field"
    program.ask(f"reveal({field})")
    program.choose(field, "generator")
    program.wait("page.session.learner.train.who == 'generator'")
    program.wait("[mark for mark in page.session.history.marks if 'generator' in mark.text]")
    program.wait("page.curves._marks")
    assert program.ask("page.session.status") == "training"
    judge = (
        "hash(page.session.learner.module.discriminator[0][0].weight.detach().numpy().tobytes())"
    )
    step, weights = program.ask(f"(page.session.step, {judge})")
    program.wait(f"page.session.step > {step} + 5")
    assert program.ask(judge) == weights, "the discriminator learns on"


def step_by_hand(program: Program) -> int:
    """One step at a time; the step that it then stands at."""
    step = pause(program)
    program.click("page.transport.step_button")
    program.wait(f"page.session.step == {step + 1} and page.session.status == 'paused'")
    return step + 1


def take_up_again(program: Program, left_at: int) -> None:
    """Open the run from the list, and train on with the settings that it had."""
    program.show_tab("page.left.tabBar()", 1)
    program.wait("page.runs.list.count()")
    program.click("row(page.runs.list, 0)")
    program.click("page.runs.open_button")
    program.wait(f"page.session.step == {left_at}")
    program.wait("page.transport.train_button.text() == 'Continue'")
    program.wait(f"{SHOWN} is not None")
    program.wait("page.setup.data.choice.currentData() == 'mixture'")
    program.wait("page.setup.train.rows['who'].field.value() == 'generator'")
    program.click("page.transport.train_button")
    program.wait(f"page.session.step > {left_at}")
    steps = program.ask("list(page.session.history.series('loss').steps)")
    assert steps == sorted(set(steps)), "the curve does not go on from where it was"


# --- one's own pictures


def draw_pictures(folder: Path, count: int) -> None:
    """Discs of all sizes on paper, and one file that is no picture at all."""
    folder.mkdir()
    for index in range(count):
        with Image.new("L", (24, 24), 240) as picture:
            radius = 3 + index % 8
            place = (12 - radius, 12 - radius + index % 3, 12 + radius, 12 + radius)
            ImageDraw.Draw(picture).ellipse(place, fill=20 + index)
            picture.save(folder / f"disc-{index:02d}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(100)))


def test_own_pictures(launch: Launch, tmp_path: Path) -> None:
    """Open a folder with a bad file in it, train on it, and have a picture completed."""
    draw_pictures(tmp_path / "discs", 40)
    program = launch()
    go_to(program, DIFFUSION)
    open_folder(program, "discs")
    plan_for_long(program)
    train(program)
    program.wait(f"{LIVE} is not None")
    assert program.ask(f"{LIVE}.pixels.shape[1:]") == [16, 16, 1]
    complete(program)
    assert program.ask("page.session.status") == "training"
    leave(program)


def open_folder(program: Program, name: str) -> None:
    """By the button beside the data; the card says what became of each file."""
    data = "page.setup.data"
    program.ask(f"reveal({data}.open_button)")
    program.click(f"{data}.open_button")
    program.focus("dialog")
    program.click(f"file(dialog, {name!r})")
    program.click("accept(dialog)")
    program.wait("dialog is None")
    program.focus()
    program.wait(f"{data}.name.split('#')[0].endswith({name!r})")
    facts = f"[{data}.facts.itemAt(i).widget().text() for i in range({data}.facts.count())]"
    told = program.ask(facts)
    told = dict(zip(told[::2], told[1::2], strict=True))
    assert told["Pictures"] == "40"
    assert told["Skipped"].startswith("1: broken.png")
    assert not program.ask(f"{data}.problem.isVisible()")
    program.ask(f"reveal({data}.sides)")
    program.choose(f"{data}.sides", "16")
    program.wait(f"{data}.data.shape == (16, 16, 1)")


def complete(program: Program) -> None:
    """Half of a picture is filled in, several ways, and the other half is left alone."""
    look_at(program, "complete")
    program.wait(DRAWN)
    pixels = np.array(program.ask(f"{SHOWN}.panels[1].pixels"))
    given, ways = pixels[0], pixels[1:]
    assert len(ways) == 6
    assert (np.abs(ways[:, :8] - given[:8]) <= 1).all(), "what was kept has changed"
    assert len({way.tobytes() for way in ways}) == 6, "all ways are the same"
