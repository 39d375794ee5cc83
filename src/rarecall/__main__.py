"""``python -m rarecall`` is the command line."""

from rarecall.cli import main

if __name__ == "__main__":
    main()
