"""The pages, made of Gradio's parts: a tab for each task, and the explorer of models."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import gradio as gr

from kerazoo._machine import cores
from kerazoo._photographs import photographs
from kerazoo.app import html
from kerazoo.app.answer import answer, answer_many
from kerazoo.app.explorer.page import explorer_page
from kerazoo.app.networks import Networks, runtimes
from kerazoo.tasks import TASKS, get_task
from kerazoo.tasks.description import Option

WAITING = 64  # visitors at most that wait for an answer
FORGET = (60, 900)  # Gradio looks every minute for uploads that are older than a quarter of an hour
ABOUT = (
    "Drop, paste or take a picture. It is looked at on the machine that runs this page, "
    "and nothing of it is kept."
)


def make_page(networks: Networks, benchmarks: Iterable[Mapping[str, Any]] = ()) -> Any:
    """The app as `gradio.Blocks`.

    Args:
        networks: Those that it offers.
        benchmarks: Reports of `kerazoo benchmark`, for the explorer's axes of latency.
    """
    with gr.Blocks(title="kerazoo", analytics_enabled=False, delete_cache=FORGET) as page:
        gr.Markdown(f"# kerazoo\n\n{ABOUT}")
        for task in TASKS:
            with gr.Tab(task.capitalize()):
                _tab(networks, task)
    with page.route("Models", "/models"):
        gr.HTML(html.frame(explorer_page(benchmarks), "Models by accuracy and cost"))
    page.queue(max_size=WAITING)
    return page


def stylesheet() -> str:
    """CSS of what `kerazoo.app.html` makes."""
    return (resources.files("kerazoo.app") / "page.css").read_text(encoding="utf-8")


def _tab(networks: Networks, task: str) -> None:
    options = get_task(task).options
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            picture = _picture()
            samples = [str(path) for path in photographs()]
            if samples:
                gr.Examples(samples, picture, label="Samples", cache_examples=False)
        with gr.Column(scale=3, min_width=280):
            shown = gr.HTML(label="Result", elem_id=f"result-{task}")
    with gr.Row():
        first = _choice(networks, task, "Network")
        texts = [_option(option) for option in options]
    compare = gr.Checkbox(label="Compare with a second network or runtime")
    with gr.Row(visible=False) as more:
        second = _choice(networks, task, "Second network", 1)
    with gr.Row():
        button = gr.Button("Look", variant="primary", min_width=130)
        files, folder = (
            _of_files(gr.UploadButton(label, file_count=count, min_width=130))
            for label, count in (("Several pictures", "multiple"), ("A folder", "directory"))
        )
    compare.change(lambda on: gr.update(visible=on), compare, more, show_progress="hidden")
    names = [option.name for option in options]

    def one(path: Any, *values: Any) -> str:
        chosen, how = _sorted(values, names)
        return answer(networks, task, path, chosen, how)

    def many(paths: Any, *values: Any) -> str:
        chosen, how = _sorted(values, names)
        return answer_many(networks, task, paths, chosen[0], how)

    settings = [*first, compare, *second, *texts]
    how_many: dict[str, Any] = {"concurrency_limit": max(2, cores()), "concurrency_id": "look"}
    gr.on(
        [button.click, picture.change, *(part.change for part in settings)],
        *(one, [picture, *settings], shown),
        api_name=task,
        trigger_mode="always_last",
        **how_many,
    )
    for upload in (files, folder):
        upload.upload(many, [upload, *settings], shown, api_name=False, **how_many)


def _picture() -> Any:
    """Gradio's, which hands the file over as it came: kerazoo checks it and reads it."""
    picture = gr.Image(label="Picture", type="filepath", image_mode=None, height=300, buttons=[])
    # Gradio opens a file before its pixels are counted. (Of a class derived from its own it would
    # write a stub beside this file.)
    picture.preprocess = lambda payload: None if payload is None else payload.path
    return _of_files(picture)


def _of_files(part: Any) -> Any:
    """A part that takes what was uploaded alone.

    Where a call of the API gives an address, Gradio would fetch whatever is there, of any size.
    """
    move = part.async_move_resource_to_block_cache

    async def moved(path: Any) -> Any:
        if "://" in str(path):
            raise gr.Error("Send a picture, not its address.")
        return await move(path)

    part.async_move_resource_to_block_cache = moved
    return part


def _choice(networks: Networks, task: str, label: str, runtime: int = 0) -> tuple[Any, Any]:
    offered, known = networks.offered(task), runtimes()
    info = "or any name that kerazoo knows: a folder, a file, hf://user/repo"
    network = gr.Dropdown(
        offered,
        value=offered[0],
        label=label,
        info=info if networks.anything else None,
        allow_custom_value=networks.anything,
        scale=2,
        min_width=260,
    )
    runs = gr.Dropdown(
        known,
        value=known[min(runtime, len(known) - 1)],
        label=f"Runtime of the {label.lower()}",
        info="keras: as it is built",
        min_width=160,
    )
    return network, runs


def _option(option: Option) -> Any:
    """A line of text: a field of numbers could not be left alone, and has its own complaints."""
    return gr.Textbox(
        label=option.name.capitalize(),
        info=option.help,
        placeholder=str(option.default),
        max_lines=1,
        min_width=160,
    )


def _sorted(
    values: Sequence[Any], names: Sequence[str]
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """What the parts of a tab hold, in their order: the networks, and the task's options."""
    name, runtime, compare, other, others_runtime, *texts = values
    chosen = [(name, runtime), *([(other, others_runtime)] if compare else [])]
    return chosen, dict(zip(names, texts, strict=True))
