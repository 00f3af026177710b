"""pytest tests/app/test_card_page.py"""

from dataclasses import replace

from page_rules import EVIL, check_page

from cxr_fastai.app.card_page import card_page
from cxr_fastai.app.page_facts import about_page


def test_the_card_of_the_bundle_with_its_scores(toy_model):
    tree = check_page(card_page(about_page(toy_model)))
    for words in ("toy: a chest radiograph model", "COVID-19 (covid_19)", "Limits", "Scores"):
        assert words in tree.words
    assert "carries no evaluation on a test set" in tree.words
    assert "Computed here by torch." in tree.words


def test_several_bundles_have_a_card_each(toy_model):
    facts = about_page(toy_model)
    both = {"1 (toy)": facts.cards["toy"], "2 (toy)": "# Another\n"}
    about = replace(
        facts.about,
        scores=dict.fromkeys(both, ["none"]),
        facts=dict.fromkeys(both, {"computed by": "onnx"}),
    )
    tree = check_page(card_page(replace(facts, bundles=2, cards=both, about=about)))
    assert "Bundle 1 (toy)" in tree.words and "Bundle 2 (toy) Another" in tree.words


def test_foreign_text_in_a_card_is_text(toy_model):
    facts = replace(about_page(toy_model), cards={"toy": f"# {EVIL}\n\n{EVIL}\n\n- {EVIL}"})
    assert check_page(card_page(facts)).words.count(EVIL) == 3


def test_the_way_back_leads_to_the_films(toy_model):
    links = [tag.at["href"] for tag in check_page(card_page(about_page(toy_model))).all("a")]
    assert links == ["#work", "/"]
