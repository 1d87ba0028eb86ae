"""Test that the word check finds each listed word, and only whole words."""

import pytest

from tests.checkout.words import found_words

SPELLED = ["me" + "nd", "Me" + "nded", "a" + "new", "plumb" + "ing", "be" + "side", "what came" + " of it"]


@pytest.mark.parametrize("word", SPELLED)
def test_a_listed_word_is_reported_with_its_line(word: str) -> None:
    ((number, found, instead),) = found_words(f"# fine\n# it is {word} here\n")
    assert (number, found) == (2, word)
    assert instead


@pytest.mark.parametrize("text", ["amendment", "besides", "renewed", "recommend"])
def test_a_longer_word_is_not_reported(text: str) -> None:
    assert list(found_words(text)) == []
