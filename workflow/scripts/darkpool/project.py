"""Where the project lies: for the mornings and the doctor, never for a step, whose code would hang on the folder."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
