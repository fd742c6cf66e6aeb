"""Where the program starts."""

from vmsd.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
