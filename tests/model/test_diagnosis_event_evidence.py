"""The texts are checked together, in test_diagnosis.py."""
