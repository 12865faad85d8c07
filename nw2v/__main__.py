"""`python -m nw2v` is the command `nw2v`."""

from nw2v.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
