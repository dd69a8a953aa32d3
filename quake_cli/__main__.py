"""Run the program as ``python -m quake_cli``."""

from quake_cli.app import main

if __name__ == "__main__":
    main()
