"""The models of earlier trainings: listed, named, set aside and brought back."""
