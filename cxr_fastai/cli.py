"""The command `cxr`, one function a verb. Results go to stdout, progress and messages to stderr; a CxrError becomes one
line and its exit code. Every verb imports what it needs when it runs, so that --help answers at once."""
from __future__ import annotations
import argparse, errno, json, sys
from contextlib import redirect_stdout
from pathlib import Path

from .core import CxrError, StorageError, one_line, size_text

EXIT_CODES = ("exit codes: 0 done, 1 inputs rejected under --strict, 2 usage, 3 source unavailable, 4 integrity, "
              "5 disk or permission, 130 interrupted")


def sources(args)->int:
    from .curation.catalog import load_catalog
    if args.check and args.manifest and _is_curated(Path(args.manifest)): return _check_curated(args.manifest)
    catalog = load_catalog(args.manifest)
    if args.check: return _check_sources(args, catalog)
    if args.json: return _json([s.to_dict() for s in catalog.values()])
    for s in catalog.values(): print("\n".join(_source_lines(s)))
    return 0

def _is_curated(path:Path)->bool:
    from .manifest import MANIFEST
    return path.is_dir() or path.name == MANIFEST

def _check_curated(path)->int:
    from .manifest import check_manifest
    faults = check_manifest(path)
    for line in faults or [f"{path}: sound"]: print(line)
    return 2 if faults else 0

def _check_sources(args, catalog)->int:
    "A line for each source: what is missing to have it; 3 where one that is on cannot be had."
    from .curation.catalog import choose
    from .curation.fetch import survey
    chosen = choose(catalog, _ids(args.only), [s.id for s in catalog.values() if s.transport != "reference"])
    found = survey(chosen, args.mirror, Path(args.manifest).parent if args.manifest else Path())
    needed = [s.id for s in chosen if s.on == "yes" or args.only]
    missing = [id for id in needed if found[id].state not in ("ready", "here")]
    rows = [dict(source=s.id, on=s.on, **vars(found[s.id]), licence=s.licence, redistribute=s.redistribute)
            for s in chosen]
    if args.json: _json(rows)
    else: print("\n".join(map(_check_line, rows)))
    if missing: print(f"cxr sources: {len(missing)} of {len(needed)} sources cannot be had: {', '.join(missing)}",
                      file=sys.stderr)
    return 3 if missing else 0

def _check_line(row)->str:
    size = f", {size_text(row['size'])}" if row["size"] else ""
    shared = "" if row["redistribute"] == "yes" else f"; for local use only (licence: {row['licence']})"
    remedy = f"\n{'':24}{row['remedy']}" if row["remedy"] else ""
    return f"{row['source']:<24}{row['on']:<5}{row['state']:<12} {row['message']}{size}{shared}{remedy}"

def _source_lines(s)->list[str]:
    from .curation.fetch.transports import how_to_get
    of = f"   copies of {', '.join(s.derived)}" if s.derived else ""
    if s.transport == "reference": return [f"{s.id}   (named by others, never fetched)   {s.title}{of}", ""]
    doubts = sorted({u for r in s.rules for u in r.unconfirmed.split("|") if u})
    shared = f"licence {s.licence}; may be shared on: {s.redistribute}"
    head = [f"{s.id}   {'on' if s.on == 'yes' else 'off'}   {s.title}",
            f"    {shared}; {s.expected_total or '?'} images; {s.age_group or 'unknown'}{of}",
            f"    {how_to_get(s)}"]
    if s.rules[0].notes: head.append(f"    {s.rules[0].notes}")
    if doubts: head.append(f"    UNCONFIRMED: {', '.join(doubts)}")
    return [*head, *map(_rule_line, s.rules), ""]

def _rule_line(r)->str:
    findings = r.findings.replace("|", ", ") or "left out"
    return f"    {r.label_from} {r.label_value!r} -> {findings}{f' ({r.expected})' if r.expected else ''}"


def curate(args)->int:
    from . import progress
    from .curation.pipeline import curate
    say = progress.say
    with redirect_stdout(sys.stderr):  # Ray tells of dead workers on stdout, which is the result's
        done = curate(args.out, args.recipe, args.manifest, args.mirror, _ids(args.only), args.layout, args.workers,
                      args.quick, args.seed, args.check, args.strict, args.engine, args.wait, args.update_pins,
                      args.on_conflict, progress)
    for w in done.warnings: say(f"warning: {w}")
    if done.foreign:
        say(f"warning: {len(done.foreign)} files in the class folders are not in the manifest and stay as they are: "
            f"{done.foreign[0]} the first")
    _json(done.to_dict()) if args.json else print(done)
    if args.check: say("nothing written: --check")
    elif not done.written and not done.removed: say(f"up to date: {args.out} holds all of it, nothing written")
    else:
        removed = f", removed {done.removed} images that no longer belong" if done.removed else ""
        say(f"wrote {done.written} files to {args.out}{removed}")
    if done.incomplete: say(f"INCOMPLETE: without {', '.join(done.incomplete)} (cxr sources --check)")
    if args.strict and done.faults:
        say(f"--strict: {done.faults} inputs are broken: see {Path(args.out)/'rejects.csv'}")
        return 1
    return 0

def _ids(text)->list[str]: return [t.strip() for t in (text or "").split(",") if t.strip()]


def dedupe(args)->int:
    from . import progress
    from .core import check_writable
    from .curation.find import find, write_found
    if args.out: check_writable(args.out)
    with redirect_stdout(sys.stderr):  # Ray, as above
        found = find(args.folders, args.against, args.workers, args.engine, progress)
    if args.out:
        note = f"Against {args.against}: an image from there is kept." if args.against else ""
        write_found(found, Path(args.out), f"Copies in {', '.join(args.folders)}", note)
    _json(found.to_dict()) if args.json else print(found)
    if args.out: progress.say(f"gallery: {Path(args.out)/'gallery.html'}; no image was changed")
    return 0

def train(args)->int:
    from .manifest import read_manifest
    from .recipes import SETTINGS
    data = read_manifest(args.data)  # a wrong folder is told at once, before torch is imported
    from .training.distributed import rank
    from .training.run import train
    own = {k: v for k in SETTINGS if (v := getattr(args, k)) is not None}
    bundle = train(data, args.out, recipe=args.recipe, seed=args.seed, workers=args.workers, resume=args.resume,
                   allow_missing_classes=args.allow_missing_classes, track=_ids(args.track), **own)
    if rank(): return 0  # of several processes the first one speaks
    if args.json: return _json({"bundle": str(bundle), **_facts(bundle)})
    print(bundle)
    return 0

def _facts(bundle)->dict:
    facts = json.loads((Path(bundle)/"bundle.json").read_text(encoding="utf-8"))
    return {k: facts[k] for k in ("arch", "size", "trained", "metrics", "temperature", "decision")}

def evaluate(args)->int:
    from .manifest import read_manifest
    data = read_manifest(args.data)
    from .evaluation.report import evaluate
    from .progress import bar, say
    report = evaluate(args.bundle, data, args.split, args.out, progress=bar)
    _json(report.to_dict()) if args.json else print(report)
    if args.out: say(f"report: {Path(args.out)/'report.html'}")
    return 0

def predict(args)->int:
    from .bundle import load_bundle
    from .progress import bar, say
    from .serving.predict import find_images, format_rows, predict_paths, write_csv
    files = find_images(args.paths)
    bundle = load_bundle(args.bundle)
    rows = predict_paths(bundle, files, progress=bar)
    if args.csv: write_csv(rows, args.csv); say(f"wrote {args.csv}")
    elif args.json: _json(rows)
    else: print(format_rows(rows, bundle.display))
    bad = [r for r in rows if r["error"]]
    if bad: say(f"{len(bad)} of {len(rows)} files could not be read: {bad[0]['error']}")
    return 4 if len(bad) == len(rows) else 0

def demo(args)->int:
    from .demo import demo
    return demo(Path(args.out))


def _json(obj)->int:
    print(json.dumps(obj, indent=2, ensure_ascii=False))
    return 0


# ---- the command line

def parser()->argparse.ArgumentParser:
    p = argparse.ArgumentParser("cxr", epilog=EXIT_CODES,
                                description="From a pile of public chest X-ray downloads to a model one can believe. "
                                            "Research only, not a medical device.")
    p.add_argument("--version", action="store_true", help="print the version")
    verbs = p.add_subparsers(dest="verb", metavar="VERB")
    def verb(fn, help):
        v = verbs.add_parser(fn.__name__, help=help, description=help, epilog=EXIT_CODES)
        v.set_defaults(fn=fn)
        return v
    _demo(verb(demo, "the whole road on drawn radiographs: curate, train, evaluate, predict"))
    _sources(verb(sources, "the catalogue: every source, its licence, its labels and how to get it"))
    _curate(verb(curate, "raw sources to class folders and manifest.csv"))
    _dedupe(verb(dedupe, "find every copy of a radiograph in any folders; changes no file"))
    _train(verb(train, "a curated folder to a trained bundle"))
    _evaluate(verb(evaluate, "score a bundle on one split, beside the floors"))
    _predict(verb(predict, "what a bundle says of image files"))
    return p

def _demo(v):
    v.add_argument("--out", default="demo", metavar="DIR", help="folder for everything it makes (default: demo)")

def _sources(v):
    v.add_argument("--manifest", metavar="CSV", help="a catalogue of your own, in data_manifest.csv's columns")
    v.add_argument("--check", action="store_true",
                   help="ask every source what is missing to have it; with --manifest FOLDER, check a curated folder")
    v.add_argument("--only", metavar="ID,..", help="with --check: these sources")
    v.add_argument("--mirror", metavar="DIR", help="with --check: look for them in this mirror")
    v.add_argument("--json", action="store_true", help="everything, as JSON")

def _curate(v):
    v.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    v.add_argument("--recipe", default="six_class", metavar="NAME",
                   help="six_class, pneumonia, kermany, pneumoniamnist, or a recipe file (.toml)")
    v.add_argument("--manifest", metavar="CSV",
                   help="a catalogue of your own; a local handle may be a path relative to it")
    v.add_argument("--mirror", metavar="DIR",
                   help="folder with kaggle/OWNER/NAME, github/OWNER/NAME, http/ID, local/ID; then no download")
    v.add_argument("--only", metavar="ID,..", help="these sources, and no others")
    v.add_argument("--layout", default="class", choices=("class", "split"), help="CLASS/image or SPLIT/CLASS/image")
    v.add_argument("--workers", type=_whole, metavar="N", help="processes (default: one a core)")
    v.add_argument("--engine", default="local", choices=("local", "ray"),
                   help="ray: on a new Ray here, or on the cluster of $RAY_ADDRESS")
    v.add_argument("--wait", action="store_true", help="wait for another run in the same folder")
    v.add_argument("--update-pins", action="store_true", help="accept downloads that differ from sources.lock.json")
    v.add_argument("--quick", action="store_true", help="a balanced random subset; no patient on two sides")
    v.add_argument("--seed", type=int, default=0, metavar="N", help="of the split and of --quick (default: 0)")
    v.add_argument("--strict", action="store_true",
                   help="stop where a source cannot be had; exit 1 where an input is broken")
    v.add_argument("--on-conflict", default="drop", choices=("drop", "upstream", "keep-both-out"),
                   help="copies with labels of two classes: left out (default), the original's label stands, "
                        "or laid aside in conflicts/")
    v.add_argument("--check", action="store_true", help="decide and count, write nothing")
    v.add_argument("--json", action="store_true", help="the result as JSON")

def _dedupe(v):
    v.add_argument("folders", metavar="DIR", nargs="+", help="folders of images, read with all below them, or images")
    v.add_argument("--against", metavar="DIR", help="an old set: tell only what of DIR.. is a copy, there or in DIR..")
    v.add_argument("--out", metavar="DIR", help="folder for gallery.html, duplicates.csv and .json, related, rejects")
    v.add_argument("--workers", type=_whole, metavar="N", help="processes (default: one a core)")
    v.add_argument("--engine", default="local", choices=("local", "ray"), help="as in cxr curate")
    v.add_argument("--json", action="store_true", help="the result as JSON")

def _train(v):
    from .recipes import SETTINGS
    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote")
    v.add_argument("--recipe", metavar="NAME", help="training settings of another recipe than the folder's")
    v.add_argument("--out", metavar="DIR", help="run folder (default: runs/RECIPE, numbered)")
    v.add_argument("--resume", action="store_true", help="go on where the run in --out stopped (default: the latest)")
    v.add_argument("--seed", type=int, metavar="N", help="of weights, order and augmentation (default: 0)")
    v.add_argument("--workers", type=_whole, metavar="N", help="threads that decode (default: one a core)")
    v.add_argument("--allow-missing-classes", action="store_true", help="train although a class has no image")
    v.add_argument("--track", metavar="NAME,..", help="also record the run in mlflow, tensorboard")
    v.add_argument("--json", action="store_true", help="the run as JSON: bundle, scores on validation, seconds")
    how = v.add_argument_group("settings", "each is the recipe's own where it is not given")
    for name, s in SETTINGS.items(): how.add_argument(f"--{name.replace('_', '-')}", dest=name, help=s.help, **_form(s))

def _form(s)->dict:
    "How argparse reads a training setting; its range is checked with the recipe's."
    if s.kind is bool: return dict(action=argparse.BooleanOptionalAction)
    if s.choices: return dict(choices=s.choices)
    return dict(type={int: _number, float: _number, str: str, list: _numbers}[s.kind],
                metavar={int: "N", float: "X", str: "NAME", list: "PX,.."}[s.kind])

def _number(text:str):
    "A number where it is one; else the text, for the check to judge."
    for kind in (int, float):
        try: return kind(text)
        except ValueError: pass
    return text

def _numbers(text:str)->list: return [_number(t) for t in _ids(text)]

def _evaluate(v):
    v.add_argument("bundle", metavar="BUNDLE", help="a bundle, or the run folder that holds it")
    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote")
    v.add_argument("--split", default="test", metavar="NAME", help="train, valid or test (default: test)")
    v.add_argument("--out", metavar="DIR", help="folder for metrics.json, predictions.csv, confusion.png, report.html")
    v.add_argument("--json", action="store_true", help="the metrics as JSON")

def _predict(v):
    v.add_argument("bundle", metavar="BUNDLE", help="a bundle, or the run folder that holds it")
    v.add_argument("paths", metavar="PATH", nargs="+", help="image files, or folders of them")
    v.add_argument("--json", action="store_true", help="a list of predictions as JSON")
    v.add_argument("--csv", metavar="FILE", help="write a csv, a row an image")

def _whole(text:str)->int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)

def main(argv=None)->int:
    "Run a verb; returns the exit code."
    p = parser()
    args = p.parse_args(argv)
    if args.version:
        from importlib.metadata import version
        print(version("cxr_fastai"))
        return 0
    if not args.verb: p.print_help(); return 2
    try: return args.fn(args)
    except CxrError as e: return _fail(args.verb, e, e.exit_code)
    except KeyboardInterrupt: return _fail(args.verb, "interrupted", 130)
    except BrokenPipeError: sys.stderr.close(); return 0  # the reader, say `head`, had enough
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM): raise
        said = f"{e.filename or 'disk'}: {e.strerror}. Free space or permission there, then run it again."
        return _fail(args.verb, said, StorageError.exit_code)

def _fail(verb:str, error, code:int)->int:
    print(f"cxr {verb}: {one_line(error)}", file=sys.stderr)
    return code

def curate_main()->int:
    "`curate-data`: the same as `cxr curate`."
    return main(["curate", *sys.argv[1:]])

if __name__ == "__main__": sys.exit(main())
