"""The implementation under test."""
