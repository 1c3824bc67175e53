"""From what a visitor chose to what the page shows; Gradio is not needed for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kerazoo.app import html
from kerazoo.app.looking import check_count, check_upload, look, options_of, sentence
from kerazoo.app.networks import Networks
from kerazoo.tasks import get_task

NO_PICTURE = "Choose a picture first: drop one, paste one, take one, or use a sample."


def answer(
    networks: Networks,
    task: str,
    path: str | None,
    chosen: Sequence[tuple[str, str]],
    how: Mapping[str, str],
) -> str:
    """HTML of what one or several networks find on a picture, side by side.

    Args:
        networks: Those of the app.
        task: Its name.
        path: Of the picture's file; None for none.
        chosen: Name and runtime of each network.
        how: Options of the task as they were typed, empty where the visitor left one alone.
    """
    if path is None:
        return html.row([html.failure("", NO_PICTURE)])
    return html.row([_one(networks, task, Path(path), *each, how) for each in chosen])


def answer_many(
    networks: Networks,
    task: str,
    paths: Sequence[str] | None,
    chosen: tuple[str, str],
    how: Mapping[str, str],
) -> str:
    """HTML of what a network finds on each of several pictures; arguments as for `answer`."""
    if not paths:
        return html.row([html.failure("", NO_PICTURE)])
    try:
        check_count(paths)
    except ValueError as error:
        return html.row([html.failure("", sentence(error))])
    figures = [_one(networks, task, Path(path), *chosen, how, many=True) for path in paths]
    return html.row(figures)


def _one(
    networks: Networks,
    task: str,
    path: Path,
    name: str,
    runtime: str,
    how: Mapping[str, str],
    many: bool = False,
) -> str:
    title = path.name if many else f"{name}, {runtime}"
    try:
        given = options_of(get_task(task), how)
        check_upload(path)  # before a network is opened for it
        network = networks.get(name, runtime)
        found = look(network, path, get_task(task), given)
        size = html.SMALL if many else html.WIDE
        return html.result(title, network, found, get_task(task), size)
    except Exception as error:  # whatever it is, a page has to say something
        return html.failure(title, sentence(error, path))
