"""Run the program as ``python -m quake_cli``."""

from quake_cli.entry import main

if __name__ == "__main__":
    main()
