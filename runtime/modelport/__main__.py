"""`python -m modelport` is the command `modelport`."""

from modelport.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
