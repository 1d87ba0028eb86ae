"""The list of words finds each of its words, and only as whole words."""

import pytest

from tests.checkout.words import found_words

SPELLED = ["me" + "nd", "Me" + "nded", "a" + "new", "plumb" + "ing", "be" + "side", "what came" + " of it"]


@pytest.mark.parametrize("word", SPELLED)
def test_a_word_of_the_list_is_found_with_its_line(word: str) -> None:
    ((number, found, instead),) = found_words(f"# fine\n# it is {word} here\n")
    assert (number, found) == (2, word)
    assert instead


@pytest.mark.parametrize("text", ["amendment", "besides", "renewed", "recommend"])
def test_a_longer_word_is_another_word(text: str) -> None:
    assert list(found_words(text)) == []
