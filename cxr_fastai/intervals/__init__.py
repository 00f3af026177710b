"""How far a number would move had other patients come: one room for every report and verdict."""
