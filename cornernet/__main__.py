"""`python -m cornernet NAME ...`: the console command."""

from cornernet.cli import main

if __name__ == "__main__":
    main()
