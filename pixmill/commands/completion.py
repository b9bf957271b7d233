"""`pixmill completion`: the lines that a shell reads to complete the command's words."""

import click
from click.shell_completion import get_completion_class

HELP = {
    "bash": 'add to ~/.bashrc: eval "$(pixmill completion bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(pixmill completion zsh)"',
    "fish": "pixmill completion fish > ~/.config/fish/completions/pixmill.fish",
}
WHOLE = ('string split "," ', 'string split --max 1 "," ')
"""Click's lines for fish cut a description at its first comma. With this they do not."""


@click.command(epilog="; ".join(HELP.values()))
@click.argument("shell", type=click.Choice(sorted(HELP)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the lines that complete `pixmill` in this shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    lines = kind(context.find_root().command, {}, "pixmill", "_PIXMILL_COMPLETE").source()
    click.echo(lines.replace(*WHOLE) if shell == "fish" else lines)
