"""The command `cxr`, one function a verb. Results go to stdout, progress and messages to stderr; a CxrError becomes one
line and its exit code. Every verb imports what it needs when it runs, so that --help answers at once.
"""

from __future__ import annotations

import errno
import json
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from cxr_fastai.core import CxrError, StorageError, one_line, size_text
from cxr_fastai.flags import ids, parser


def sources(args) -> int:
    from cxr_fastai.catalog import load_catalog

    if args.check and args.manifest and _is_curated(Path(args.manifest)):
        return _check_curated(args.manifest)
    catalog = load_catalog(args.manifest)
    if args.check:
        return _check_sources(args, catalog)
    if args.json:
        return _json([s.to_dict() for s in catalog.values()])
    for s in catalog.values():
        print("\n".join(_source_lines(s)))
    return 0


def _is_curated(path: Path) -> bool:
    from cxr_fastai.manifest import MANIFEST

    return path.is_dir() or path.name == MANIFEST


def _check_curated(path) -> int:
    from cxr_fastai.manifest import check_manifest

    faults = check_manifest(path)
    for line in faults or [f"{path}: sound"]:
        print(line)
    return 2 if faults else 0


def _check_sources(args, catalog) -> int:
    """A line for each source: what is missing to have it; 3 where one that is on cannot be had."""
    from cxr_fastai.catalog import choose
    from cxr_fastai.curation.fetch import survey

    chosen = choose(
        catalog, ids(args.only), [s.id for s in catalog.values() if s.transport != "reference"]
    )
    found = survey(chosen, args.mirror, Path(args.manifest).parent if args.manifest else Path())
    needed = [s.id for s in chosen if s.on == "yes" or args.only]
    missing = [id for id in needed if found[id].state not in ("ready", "here")]
    rows = [
        dict(
            source=s.id,
            on=s.on,
            **vars(found[s.id]),
            licence=s.licence,
            redistribute=s.redistribute,
        )
        for s in chosen
    ]
    if args.json:
        _json(rows)
    else:
        print("\n".join(map(_check_line, rows)))
    if missing:
        print(
            f"cxr sources: {len(missing)} of {len(needed)} sources cannot be had: {', '.join(missing)}",
            file=sys.stderr,
        )
    return 3 if missing else 0


def _check_line(row) -> str:
    size = f", {size_text(row['size'])}" if row["size"] else ""
    shared = (
        "" if row["redistribute"] == "yes" else f"; for local use only (licence: {row['licence']})"
    )
    remedy = f"\n{'':24}{row['remedy']}" if row["remedy"] else ""
    return f"{row['source']:<24}{row['on']:<5}{row['state']:<12} {row['message']}{size}{shared}{remedy}"


def _source_lines(s) -> list[str]:
    from cxr_fastai.curation.fetch.transports import how_to_get

    of = f"   copies of {', '.join(s.derived)}" if s.derived else ""
    if s.transport == "reference":
        return [f"{s.id}   (named by others, never fetched)   {s.title}{of}", ""]
    doubts = sorted({u for r in s.rules for u in r.unconfirmed.split("|") if u})
    shared = f"licence {s.licence}; may be shared on: {s.redistribute}"
    head = [
        f"{s.id}   {'on' if s.on == 'yes' else 'off'}   {s.title}",
        f"    {shared}; {s.expected_total or '?'} images; {s.age_group or 'unknown'}{of}",
        f"    {how_to_get(s)}",
    ]
    if s.rules[0].notes:
        head.append(f"    {s.rules[0].notes}")
    if doubts:
        head.append(f"    UNCONFIRMED: {', '.join(doubts)}")
    return [*head, *map(_rule_line, s.rules), ""]


def _rule_line(r) -> str:
    findings = r.findings.replace("|", ", ") or "left out"
    return f"    {r.label_from} {r.label_value!r} -> {findings}{f' ({r.expected})' if r.expected else ''}"


def curate(args) -> int:
    from cxr_fastai import progress
    from cxr_fastai.curation.pipeline import curate

    say = progress.say
    with redirect_stdout(sys.stderr):  # Ray tells of dead workers on stdout, which is the result's
        done = curate(
            args.out,
            args.recipe,
            args.manifest,
            args.mirror,
            ids(args.only),
            args.layout,
            args.workers,
            args.quick,
            args.seed,
            args.check,
            args.strict,
            args.engine,
            args.wait,
            args.update_pins,
            args.on_conflict,
            progress,
        )
    for w in done.warnings:
        say(f"warning: {w}")
    if done.foreign:
        say(
            f"warning: {len(done.foreign)} files in the class folders are not in the manifest and stay as they are: "
            f"{done.foreign[0]} the first"
        )
    _json(done.to_dict()) if args.json else print(done)
    if args.check:
        say("nothing written: --check")
    elif not done.written and not done.removed:
        say(f"up to date: {args.out} holds all of it, nothing written")
    else:
        removed = f", removed {done.removed} images that no longer belong" if done.removed else ""
        say(f"wrote {done.written} files to {args.out}{removed}")
    if done.incomplete:
        say(f"INCOMPLETE: without {', '.join(done.incomplete)} (cxr sources --check)")
    if args.strict and done.faults:
        say(f"--strict: {done.faults} inputs are broken: see {Path(args.out) / 'rejects.csv'}")
        return 1
    return 0


def dedupe(args) -> int:
    from cxr_fastai import progress
    from cxr_fastai.core import check_writable
    from cxr_fastai.curation.copies.find import find, write_found

    if args.out:
        check_writable(args.out)
    with redirect_stdout(sys.stderr):  # Ray, as above
        found = find(args.folders, args.against, args.workers, args.engine, progress)
    if args.out:
        note = f"Against {args.against}: an image from there is kept." if args.against else ""
        write_found(found, Path(args.out), f"Copies in {', '.join(args.folders)}", note)
    _json(found.to_dict()) if args.json else print(found)
    if args.out:
        progress.say(f"gallery: {Path(args.out) / 'gallery.html'}; no image was changed")
    return 0


def eda(args) -> int:
    from cxr_fastai import progress
    from cxr_fastai.audit.explore import explore

    found = explore(args.data, args.out, args.seed, progress, args.split, args.manifest)
    _json(found.to_dict()) if args.json else print(found)
    if args.out:
        progress.say(f"page: {Path(args.out) / 'eda.html'}; numbers: {Path(args.out) / 'eda.json'}")
    return 0


def train(args) -> int:
    from cxr_fastai.manifest import read_manifest
    from cxr_fastai.progress import say
    from cxr_fastai.recipes import SETTINGS

    data = read_manifest(args.data)  # a wrong folder is told at once, before torch is imported
    from cxr_fastai.training.distributed import rank
    from cxr_fastai.training.run import train

    own = {k: v for k in SETTINGS if (v := getattr(args, k)) is not None}
    beside = None if args.beside is None else [] if args.beside == "none" else ids(args.beside)
    bundle = train(
        data,
        args.out,
        recipe=args.recipe,
        seed=args.seed,
        workers=args.workers,
        resume=args.resume,
        allow_missing_classes=args.allow_missing_classes,
        track=ids(args.track),
        beside=beside,
        **own,
    )
    if rank():
        return 0  # of several processes the first one speaks
    others = {name: {"bundle": str(b), **_facts(b)} for name, b in _beside(bundle.parent).items()}
    if args.json:
        return _json(
            {"bundle": str(bundle), **_facts(bundle), **({"beside": others} if others else {})}
        )
    if others:
        say(
            f"{', '.join(others)} trained beside it; all in one table: cxr evaluate {bundle.parent} {args.data}"
        )
    print(bundle)
    return 0


def _beside(run) -> dict[str, Path]:
    """What was trained beside a run's network: architecture -> bundle."""
    return {
        p.parent.parent.name: p.parent
        for p in sorted(Path(run).glob("beside/*/bundle/bundle.json"))
    }


def _facts(bundle) -> dict:
    facts = json.loads((Path(bundle) / "bundle.json").read_text(encoding="utf-8"))
    return {
        k: facts[k]
        for k in ("arch", "size", "trained", "metrics", "temperature", "decision", "thresholds")
    }


def evaluate(args) -> int:
    from cxr_fastai.manifest import read_manifest

    data = read_manifest(args.data)
    from cxr_fastai.evaluation.evaluate import evaluate
    from cxr_fastai.progress import bar, say

    score = partial(
        evaluate,
        data=data,
        split=args.split,
        progress=bar,
        resamples=args.resamples,
        seed=args.seed,
    )
    report = score(args.bundle, out=args.out)
    run = Path(args.bundle).parent if Path(args.bundle).name == "bundle" else args.bundle
    others = {**_beside(run), **{_named(path): Path(path) for path in ids(args.beside)}}
    table = (
        _side_by_side(report, {name: score(b) for name, b in others.items()}, args.out)
        if others
        else None
    )
    if args.json:
        _json({**report.to_dict(), **({"beside": table.to_dict()} if table else {})})
    else:
        print(report, *([f"\n{table}"] if table else []), sep="\n")
    if args.out:
        say(f"report: {Path(args.out) / 'report.html'}")
    return 0


def _named(path: str) -> str:
    """What a bundle is called in a table: its run's folder, without the place of that."""
    parts = [p for p in Path(path).parts if p != "bundle"]
    return parts[-1] if parts else path


def _side_by_side(report, others: dict, out):
    """The report's model and the others on the same images."""
    from cxr_fastai.core import write_text
    from cxr_fastai.evaluation.compare import compare

    first = report.about["network"]
    table = compare({first + " (first)" * (first in others): report, **others})
    if out:
        write_text(Path(out) / "beside.html", table.to_html())
    return table


def predict(args) -> int:
    from cxr_fastai.bundle.store import load_bundle
    from cxr_fastai.progress import bar, say
    from cxr_fastai.serving.predict import (
        find_images,
        format_rows,
        predict_paths,
        worklist,
        write_csv,
    )

    files = find_images(args.paths)
    bundle = load_bundle(args.bundle)
    rows = predict_paths(bundle, files, progress=bar)
    if args.worklist:
        rows = worklist(rows)
    if args.csv:
        write_csv(rows, args.csv)
        say(f"wrote {args.csv}")
    elif args.json:
        _json(rows)
    else:
        print(format_rows(rows, bundle.display))
    bad = [r for r in rows if r["error"]]
    if bad:
        say(f"{len(bad)} of {len(rows)} files could not be read: {bad[0]['error']}")
    return 4 if len(bad) == len(rows) else 0


def demo(args) -> int:
    from cxr_fastai.demo import demo

    return demo(Path(args.out))


def _json(obj) -> int:
    print(json.dumps(obj, indent=2, ensure_ascii=False))
    return 0


VERBS = (demo, sources, curate, dedupe, eda, train, evaluate, predict)


# ---- the command line


def main(argv=None) -> int:
    """Run a verb; returns the exit code."""
    p = parser({fn.__name__: fn for fn in VERBS})
    args = p.parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(version("cxr_fastai"))
        return 0
    if not args.verb:
        p.print_help()
        return 2
    try:
        return args.fn(args)
    except CxrError as e:
        return _fail(args.verb, e, e.exit_code)
    except KeyboardInterrupt:
        return _fail(args.verb, "interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0  # the reader, say `head`, had enough
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM):
            raise
        said = f"{e.filename or 'disk'}: {e.strerror}. Free space or permission there, then run it again."
        return _fail(args.verb, said, StorageError.exit_code)


def _fail(verb: str, error, code: int) -> int:
    print(f"cxr {verb}: {one_line(error)}", file=sys.stderr)
    return code


def curate_main() -> int:
    """`curate-data`: the same as `cxr curate`."""
    return main(["curate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
