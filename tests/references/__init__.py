"""What the original implementations answered: numbers to compare with, see README.md here."""

from pathlib import Path

REFERENCES = Path(__file__).parent
