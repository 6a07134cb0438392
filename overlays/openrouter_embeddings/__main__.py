"""The command line, as `python -m openrouter_embeddings`."""

from openrouter_embeddings.cli import main

if __name__ == "__main__":
    main()
