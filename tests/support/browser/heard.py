"""What the accessibility tree says: the texts of its live regions, and what has the focus.

It is Chromium's own tree, by the protocol of its developer tools: the one that screen readers are given.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

TABS_MAX = 60
Tree = list[dict[str, Any]]


def tree_of(page: Any) -> Tree:
    """The accessibility tree as it is now, without what assistive technology does not see."""
    session = page.context.new_cdp_session(page)
    nodes: Tree = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [node for node in nodes if not node["ignored"] or node.get("childIds")]


def live(tree: Tree, role: str = "log") -> list[str]:
    """The texts in the live regions of this role, in order."""
    nodes = {node["nodeId"]: node for node in tree}

    def below(node: dict[str, Any]) -> list[str]:
        own = [node["name"]["value"]] if _role(node) == "StaticText" else []
        return own + [text for child in node.get("childIds", []) if child in nodes for text in below(nodes[child])]

    return [text for node in tree if _role(node) == role and not node["ignored"] for text in below(node)]


def focused(tree: Tree) -> str:
    """The role and the name of what has the focus."""
    for node in reversed(tree):
        properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        if properties.get("focused") and _role(node) != "RootWebArea":
            return f"{_role(node)} “{node['name']['value']}”"
    return "the page"


def _role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


class Step(NamedTuple):
    """Keys that were pressed, as `Tab, 3 times`, and what had the focus then."""

    keys: str
    focus: str


class Keyboard:
    """A person who has no mouse. `steps`: what they did, and where it led."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.steps = list[Step]()

    def press(self, key: str, shown: str = "") -> None:
        """Press a key once, and wait until there is what it shows."""
        self._page.keyboard.press(key)
        if shown:
            self._page.locator(shown).wait_for()
        self._note(key)

    def tab_to(self, name: str) -> None:
        """Press Tab until what has the focus is `name`, a part of its role and name. Raises AssertionError if that is
        never reached."""
        for tabs in range(1, TABS_MAX + 1):
            self._page.keyboard.press("Tab")
            if name in focused(tree_of(self._page)):
                return self._note(f"Tab, {tabs} times" if tabs > 1 else "Tab")
        raise AssertionError(f"Tab never reached {name!r}")

    def _note(self, keys: str) -> None:
        self.steps.append(Step(keys, focused(tree_of(self._page))))


def from_upload_to_purge(page: Any, choose: Callable[[Any], None], name: str) -> list[Step]:
    """Upload a file, open its job, purge it: by the keyboard alone. `choose(chooser)` picks the file of this `name` in
    the browser's own dialog. Returns what was pressed."""
    page.on("filechooser", lambda _: None)  # from now on: asked for only as the key is pressed, it may come too late
    person = Keyboard(page)
    person.tab_to("Skip to the content")
    person.press("Enter")
    person.tab_to("Choose images")
    with page.expect_file_chooser() as chooser:
        person.press("Space")
    choose(chooser.value)
    page.locator("#uploads .card", has_text=name).locator(".state.done").wait_for()
    person.tab_to(f"link “{name}”")
    person.press("Enter", "#job .state.done")
    person.tab_to("button “Purge”")
    person.press("Enter", "#confirm[open]")
    person.tab_to("button “Purge”")
    person.press("Enter", f"#said:has-text('Purged {name}.')")
    return person.steps
