#!/usr/bin/env python3
"""Prints the tables of docs/data-sets.md from the reports of the project's own sets (tools/make_sets.sh).

  python3 tools/sets_table.py sets/skills-test sets/long-test ...

Counts, lengths, forms, answer letters, and how far each blind solver stands over chance. Only the standard library.
"""
import json
import pathlib
import sys


def load(folder):
    path = pathlib.Path(folder) / "report.json"
    try:
        return path.parent.name, json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"sets_table: {error}; where: {path}; what to do: tools/make_sets.sh {path.parent.name}")


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "".join(" --- |" if i == 0 else " ---: |" for i in range(len(head))))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print()


def share(n, of):
    return f"{100 * n / of:.1f}" if of else "-"


def forms(report, skill):
    n = {}
    for one in report["types"]:
        if one["skill"] == skill:
            for form, items in one["forms"].items():
                n[form] = n.get(form, 0) + items
    return n


def overview(sets):
    rows = []
    for name, report in sets:
        seconds = 3600 * report["hours"]
        rows.append([name, f"{report['items']:,}", f"{report['clips']:,}", f"{report['hours']:.1f}",
                     f"{seconds / max(report['clips'], 1):.1f}", f"{report['question_words']['mean']:.1f}",
                     f"{report['answer_words']['mean']:.1f}", len(report["types"])])
    table(["set", "items", "clips", "hours", "seconds a clip", "words a question", "an answer", "types"], rows)


def of_skills(name, report):
    print(f"### {name}\n")
    rows = []
    for one in report["skills"]:
        skill, items = one["skill"], one["items"]
        form, letters = forms(report, skill), report["letters"].get(skill, {})
        chosen = sum(letters.values())
        worst = max((s for s in report["solvers"] if s["scope"] == skill),
                    key=lambda s: s["accuracy"] - s["chance"], default=None)
        rows.append([skill.removeprefix("long."), f"{items:,}", f"{one['clips']:,}", share(form.get("choice", 0), items),
                     *(share(form.get(f, 0), items) for f in ("yes_no", "short", "open")),
                     " / ".join(share(letters.get(letter, 0), chosen) for letter in "ABCD"),
                     f"{worst['solver']} {100 * (worst['accuracy'] - worst['chance']):+.1f} of {worst['n']:,}" if worst else "-"])
    table(["skill", "items", "clips", "choice %", "yes/no %", "short %", "open %", "A / B / C / D %",
           "best blind solver, points over chance of n"], rows)


def solvers(sets):
    names = list(dict.fromkeys(s["solver"] for _, report in sets for s in report["solvers"]))
    rows = []
    for name, report in sets:
        whole = {s["solver"]: s for s in report["solvers"] if s["scope"] == "all"}
        rows.append([name] + [f"{100 * whole[s]['accuracy']:.1f} ({100 * whole[s]['chance']:.1f})" if s in whole else "-"
                              for s in names])
    table(["set, right % (chance)", *names], rows)


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return
    sets = [load(folder) for folder in sys.argv[1:]]
    overview(sets)
    for name, report in sets:
        of_skills(name, report)
    print("### Blind solvers\n")
    solvers(sets)


main()
