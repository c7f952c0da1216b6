"""Reads a Markdown file: a list, a plan with headings, or a story."""

from parallelproject.sources.formats.markdown.checklists import checklists
from parallelproject.sources.formats.markdown.list_ids import choose_ids, has_ids
from parallelproject.sources.formats.markdown.lists import read_list
from parallelproject.sources.formats.markdown.plans import hold, read_plan, task_headings
from parallelproject.sources.formats.markdown.stories import is_story, read_stories
from parallelproject.sources.selection import fields
from parallelproject.sources.selection.options import Options
from parallelproject.sources.selection.report import Imported
from parallelproject.sources.text.check_boxes import BoxList
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.sections import TextOutline


def read_markdown(text: str, findings: Findings, options: Options, name: str) -> Imported:
    """Reads the tasks of a Markdown file.

    They are the entries with a check box where these have ids (``T003``, ``1.2``); else the headings that
    count tasks (``### Task 3``); else the entries; and where there are none, headings that count anything.
    Entries of checklists count only where there is nothing else.

    Raises:
        ProblemsError: everything wrong with it.
    """
    outline = TextOutline(text)
    fields.bound(outline.sections, findings)
    if is_story(outline):
        return read_stories({findings.file: text}, None, findings, options, name)
    checks = checklists(outline)
    entries = BoxList(outline)
    boxes = entries.boxes
    fields.bound(boxes, findings)
    headings = task_headings(outline, checks)
    work = [box for box in boxes if box.section not in checks]
    if boxes and (has_ids(boxes, checks) or not hold(headings, work, outline)):
        chosen = choose_ids(boxes, checks, outline.sections, findings)
        return read_list(outline, entries, chosen, findings, options, name)
    if not headings:
        found = "contains no tasks: no list with check boxes, and no numbered task headings"
        findings.stop(findings.file, found, "write - [ ] [P:Group-A] what to do, or ### Task 1: Title")
    return read_plan(outline, entries, headings, findings, options, name)
