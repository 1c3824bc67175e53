"""`kerazoo completion`: what a shell needs to complete commands, options and model ids."""

import argparse
from collections.abc import Mapping

SUMMARY = "print a script by which a shell completes kerazoo's commands"
EPILOG = """\
Model ids are those of now: start a new shell after an update.

examples:
  eval "$(kerazoo completion bash)"      # in ~/.bashrc
  eval "$(kerazoo completion zsh)"       # in ~/.zshrc, after compinit
  kerazoo completion fish > ~/.config/fish/completions/kerazoo.fish
"""

_BASH = """\
_kerazoo() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" options=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$current"))
        return
    fi
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
    case "$current" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
        *)
            COMPREPLY=($(compgen -f -- "$current"))
            case "${{COMP_WORDS[1]}}:$COMP_CWORD" in
                {takers}) COMPREPLY+=($(compgen -W "{models}" -- "$current")) ;;
            esac
            ;;
    esac
}}
complete -o filenames -F _kerazoo kerazoo
"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(args: argparse.Namespace) -> int:
    from kerazoo.registry import list_models

    commands, models = _commands(args.parser), list_models()
    if args.shell == "fish":
        print(_fish(commands, models), end="")
    else:
        print((_ZSH if args.shell == "zsh" else "") + _bash(commands, models), end="")
    return 0


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Command -> its parser."""
    (found,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for a in parser._actions for name in a.option_strings if name.startswith("--")]


def _takes_model(parser: argparse.ArgumentParser) -> bool:
    """Whether the first word after the command may be a model id."""
    first = next((a for a in parser._actions if not a.option_strings), None)
    return first is not None and first.dest in ("model", "models", "filter")


def _bash(commands: Mapping[str, argparse.ArgumentParser], models: list[str]) -> str:
    cases = [
        f'        {name}) options="{" ".join(_options(p))}" ;;' for name, p in commands.items()
    ]
    return _BASH.format(
        commands=" ".join(commands),
        cases="\n".join(cases),
        takers="|".join(f"{name}:2" for name, p in commands.items() if _takes_model(p)),
        models=" ".join(models),
    )


def _fish(commands: Mapping[str, argparse.ArgumentParser], models: list[str]) -> str:
    lines = [f'complete -c kerazoo -n __fish_use_subcommand -f -a "{" ".join(commands)}"']
    for name, parser in commands.items():
        within = f'complete -c kerazoo -n "__fish_seen_subcommand_from {name}"'
        lines += [f"{within} -l {option.removeprefix('--')}" for option in _options(parser)]
        if _takes_model(parser):
            lines.append(f'{within} -a "{" ".join(models)}"')
    return "\n".join(lines) + "\n"
