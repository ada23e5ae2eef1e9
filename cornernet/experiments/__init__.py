"""Trainings that differ in one thing, side by side; the box-regression experiment."""
