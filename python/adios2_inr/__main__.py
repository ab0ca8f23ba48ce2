"""`python -m adios2_inr env`: what other programs need to find the operator."""
import argparse

from ._environment import export_lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m adios2_inr", description="The ADIOS2 operator inr of this Python.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("env", help='print the lines of a shell that let other programs find it: eval "$(... env)"')
    parser.parse_args()
    print("\n".join(export_lines()))


main()
