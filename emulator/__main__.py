"""`python -m emulator` is `messenger-lab`."""

from emulator.cli.main import main

if __name__ == "__main__":
    main()
