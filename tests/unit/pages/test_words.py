"""Every word is there, in every language."""

from __future__ import annotations

import importlib
import pkgutil
import re
import string
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import vmsd.tasks
from vmsd.assets import web_dir
from vmsd.model.audit import Action, Flaw
from vmsd.model.city import PLAN_DAYS
from vmsd.model.person import Role, Verb
from vmsd.model.segment import PurgeReason
from vmsd.model.state import Cause, State
from vmsd.pages.language import LANGUAGES
from vmsd.services.camera_audit import NAMED
from vmsd.services.clock_trust import Doubt
from vmsd.services.lifetime import LastStop
from vmsd.services.overview import VOLUME_NOTICES
from vmsd.services.probe import WORDS as WARNINGS
from vmsd.services.storage import OpenReason

WEB = web_dir()
ACTIONS = re.compile(r'^    \("([a-z_]+\.[a-z_]+)", _\(', re.MULTILINE)
DEFINED = re.compile(r'word\("([^"]+)"')
SAID = re.compile(r'\b(say|count|word)\("([^"$]+)"')


def templates() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted((WEB / "templates").glob("*.html"))}


def defined() -> set[str]:
    return {key for text in templates().values() for key in DEFINED.findall(text)}


def catalogue(language: str) -> dict[str, str]:
    file = WEB / "locale" / LANGUAGES[language] / "LC_MESSAGES" / "vmsd.po"
    return {str(one.id): str(one.string) for one in read_po(BytesIO(file.read_bytes())) if one.id}


def extracted() -> set[str]:
    found = extract_from_dir(str(WEB / "templates"), method_map=[("**.html", "jinja2")])
    return {str(message) for _, _, message, _, _ in found}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_exactly_the_words_of_the_templates(language: str) -> None:
    """When this fails, README.md says how to bring the catalogues up to date."""
    assert set(catalogue(language)) == extracted()


def test_every_word_is_translated_to_portuguese() -> None:
    assert [message for message, translation in catalogue("pt-BR").items() if not translation] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_the_places_for_facts(language: str) -> None:
    for message, translation in catalogue(language).items():
        if translation:
            assert places(translation) == places(message), message


def places(text: str) -> set[str]:
    named = {name for _, name, _, _ in string.Formatter().parse(text.replace("%(", "(")) if name}
    return named | set(re.findall(r"%\((\w+)\)s", text))


def test_every_word_a_script_says_is_in_a_template() -> None:
    said = set()
    for script in sorted((WEB / "static" / "js").glob("*.js")):
        for function, key in SAID.findall(script.read_text("utf-8")):
            said |= {f"{key}.one", f"{key}.other"} if function == "count" else {key}
    assert said - defined() == set()


def test_everything_the_daemon_can_say_has_words() -> None:
    wanted = {f"state.{state}" for state in State} | {f"cause.{cause}" for cause in Cause}
    wanted |= {f"breaker.{reason}" for reason in OpenReason} | {f"clock.{doubt}" for doubt in Doubt}
    wanted |= {f"notice.{code}" for code in VOLUME_NOTICES.values()}
    wanted |= {f"warning.{code}" for code in WARNINGS} | {f"task.{name}" for name in task_names()}
    wanted |= {f"role.{role}" for role in Role} | {f"verb.{verb}" for verb in Verb}
    wanted |= {f"cities.plan.{plan}" for plan in PLAN_DAYS}
    assert wanted - defined() == set()


def test_everything_the_audit_log_can_say_has_words() -> None:
    """Those of actions stand in a table: the words and the choice of a search are made from the same."""
    assert {str(action) for action in Action} ^ set(ACTIONS.findall(templates()["_audit_words.html"])) == set()
    values = (*OpenReason, *Doubt, *PurgeReason, *LastStop, *NAMED, *PLAN_DAYS)
    wanted = {f"value.{value}" for value in values} | {f"flaw.{flaw}" for flaw in Flaw}
    assert wanted - defined() == set()


def task_names() -> set[str]:
    names = set()
    for module in pkgutil.iter_modules([str(Path(vmsd.tasks.__file__).parent)]):
        found = vars(importlib.import_module(f"vmsd.tasks.{module.name}")).values()
        names |= {one.name for one in found if isinstance(getattr(one, "name", None), str) and hasattr(one, "once")}
    assert names
    return names
