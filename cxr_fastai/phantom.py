"""Draw radiograph-like images and a mirror of fake sources with known flaws. (kind, seed, patient) -> uint8 pixels;
a folder -> files, catalogue and `Planted`, the answer sheet. Needs no download; never reads a real radiograph, never
deletes, never stands for one: a phantom teaches a program its road, nothing about medicine.

Distances are in half image widths: x runs to the image's right (the patient's left), y downward, the middle is (0, 0).
Only polynomials, square roots and look-ups touch whole images, in float64: every platform rounds to the same uint8.
"""
from __future__ import annotations
import csv, io, json, math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from PIL import Image, ImageDraw
from .core import UsageError, UnknownName, make_folder, unknown_name, write_json, write_text

__all__ = ["CLASSES", "KINDS", "AGES", "Planted", "draw", "write_sources"]

CLASSES = ("bacterial_pneumonia", "covid_19", "normal", "other_findings", "tuberculosis", "viral_pneumonia")
KINDS = (*CLASSES, "heart_effusion", "mass")  # the last two are the forms that other_findings takes
AGES = ("adult", "child")
PARALLAX = .08  # half image widths that back and front shift at most between two exposures of a person
LEAST_SIZE = 16  # pixels; below that not even a heart is left

# What differs between people: name -> (adult range, child range); set by eye, beside public films.
ANATOMY = {
    "half":      ((.68, .78), (.62, .72)),      # rib cage, half its width
    "apex":      ((-.80, -.72), (-.76, -.66)),  # y of the lungs' tops
    "base":      ((.50, .64), (.40, .54)),      # y of the costophrenic angles
    "dome":      ((.17, .27), (.12, .20)),      # height of the diaphragm above them
    "lift":      ((.02, .08), (.01, .05)),      # how much higher the patient's right dome stands
    "medial":    ((.11, .15), (.12, .17)),      # mediastinum, half its width
    "heart":     ((.86, 1.06), (1.02, 1.20)),   # its size, 1 = a third of the image wide
    "apex_x":    ((.15, .22), (.13, .20)),      # how far its apex points to the image's right
    "lean":      ((.30, .75), (.25, .50)),      # how flat the heart lies
    "knob":      ((.055, .085), (.02, .045)),   # aortic arch, radius
    "rib_gap":   ((.140, .165), (.120, .140)),  # from rib to rib
    "rib_drop":  ((.9, 1.6), (.4, .8)),         # curvature of the posterior ribs
    "rib_slope": ((.45, .75), (.25, .45)),      # slope of the anterior ribs
    "rib_thick": ((.34, .44), (.36, .46)),      # rib height as a share of the gap
    "trunk":     ((.88, 1.15), (.76, .94)),     # body, half its width
    "shoulder":  ((-1.0, -.90), (-.98, -.86)),  # y where the neck meets the shoulders
    "droop":     ((.10, .30), (.15, .40)),      # slope of the shoulders
    "neck":      ((.20, .28), (.17, .24)),      # half its width
    "clavicle":  ((-.60, -.50), (-.58, -.46)),  # y of the clavicles' inner ends
    "rise":      ((.10, .28), (.05, .22)),      # slope of the clavicles
    "bend":      ((-.05, .05), (-.03, .03)),    # sideways curve of the spine
    "bone":      ((.8, 1.2), (.9, 1.25)),       # how bright bone is
    "breast":    ((-.20, .22), (-.2, -.1)),     # soft tissue over the bases, where above 0
    "fat":       ((-.03, .06), (-.04, .02)),    # soft tissue over the lungs
}


def _rng(*key:int)->np.random.Generator:
    "A stream of its own for each key, the same on every platform."
    return np.random.default_rng(list(key))

def _step(a, width:float):
    "0 to 1 as `a` crosses zero, smooth over `width`."
    t = np.clip(a/width + .5, 0, 1)
    return t*t*(3 - 2*t)

def _bump(r2):
    "1 at the middle of a round blob, 0 from squared radius 1 on."
    return np.clip(1 - r2, 0, 1)**2

def _ellipse(s, x:float, y:float, rx:float, ry:float, soft:float=.04, lean:float=0.):
    "A filled ellipse with a soft edge; `lean` shears its lower end to the image's right."
    v = s.y - y
    return _step((1 - np.sqrt(((s.x - x - lean*v)/rx)**2 + (v/ry)**2))*min(rx, ry), soft)

def _clouds(s, rng, cells:int):
    "Smooth noise, about -1 to 1, of `cells` blobs across."
    grid, at = rng.uniform(-1, 1, (cells + 1, cells + 1)), np.linspace(0, cells, s.size)
    low = np.minimum(at.astype(int), cells - 1)
    t = at - low
    t = t*t*(3 - 2*t)
    rows = grid[low]*(1 - t)[:, None] + grid[low + 1]*t[:, None]
    return rows[:, low]*(1 - t) + rows[:, low + 1]*t


# ---- the chest

def _anatomy(patient:int, age:str)->SimpleNamespace:
    "The measures of one person: the same `patient` is the same chest."
    rng, column = _rng(patient, 11), AGES.index(age)
    return SimpleNamespace(patient=patient, **{k: rng.uniform(*v[column]) for k, v in ANATOMY.items()})

def _pose(seed:int, size:int)->SimpleNamespace:
    "How one exposure stands: maps between the chest's own coordinates and pixels."
    rng = _rng(seed, 12)
    turn, scale = rng.uniform(-.06, .06), rng.uniform(.94, 1.07)
    (dx, dy), breath = rng.uniform(-.05, .05, 2), rng.uniform(-.06, .05)
    parallax = rng.uniform(-PARALLAX, PARALLAX, 2)
    cos, sin, at = math.cos(turn), math.sin(turn), (np.arange(size) + .5)*(2/size) - 1
    px, py = (at[None] - dx)/scale, (at[:, None] - dy)/scale
    def pixels(x, y, canvas):  # chest coordinates -> pixels on a canvas of that width
        return (scale*(cos*x - sin*y) + dx + 1)*canvas/2, (scale*(sin*x + cos*y) + dy + 1)*canvas/2
    return SimpleNamespace(size=size, seed=seed, breath=breath, parallax=parallax, pixels=pixels,
                           x=cos*px + sin*py, y=cos*py - sin*px)

def _scene(body:SimpleNamespace, pose:SimpleNamespace)->SimpleNamespace:
    "Coordinates within the chest: side -1 | 1, t (0 apex, 1 base), u (0 beside the heart, 1 at the ribs), lung 0..1."
    s = SimpleNamespace(**vars(body), size=pose.size, seed=pose.seed, parallax=pose.parallax, pixels=pose.pixels)
    s.floor = body.base + pose.breath
    s.y, s.x = pose.y, pose.x - body.bend*(pose.y**2 - .3)
    s.a, s.side = abs(s.x), np.where(s.x < 0, -1., 1.)
    s.t = (s.y - body.apex)/(s.floor - body.apex)
    t, neck = np.clip(s.t, 0, 1), np.clip(s.t/.32, 0, 1)
    s.wall = .30 + (body.half - .30)*np.sqrt(t*(2 - t))
    s.inner = .30 - (.30 - body.medial)*np.sqrt(neck*(2 - neck))
    s.u = (s.a - s.inner)/np.maximum(s.wall - s.inner, .02)
    u = np.clip(s.u, 0, 1)
    s.under = s.floor - (body.dome + np.where(s.x < 0, body.lift, 0))*(1 - ((u - .38)/.62)**2)  # the diaphragm's y
    edge = .035
    s.lung = _step(s.wall - s.a, edge)*_step(s.a - s.inner, edge)*_step(s.under - s.y, edge)*_step(s.t, .03)
    s.depth = s.lung*(1 - .35*(2*u - 1)**4)*(.72 + .28*np.clip(t*3, 0, 1))  # air along the beam
    return s

def _in_depth(s, depth:float)->SimpleNamespace:
    """The scene as what lies `depth` behind the middle of the chest (-1 the breast bone, 1 the back) casts its shadow:
    no two exposures of a person differ by turning and moving the film alone."""
    x = s.x - depth*s.parallax[0]
    return SimpleNamespace(**{**vars(s), "x": x, "a": abs(x), "y": s.y - depth*s.parallax[1]})

def _heart(s)->np.ndarray:
    "Heart, great vessels and mediastinum, 0..1: two thirds on the image's right, the apex low on that side."
    s = _in_depth(s, -.5)
    k, y = s.heart, s.floor - s.dome
    left = _ellipse(s, s.apex_x*k, y - .10*k, .26*k, .31*k, .06, s.lean)
    right = _ellipse(s, -.075*k, y - .13*k, .15*k, .27*k, .06)
    arch = _ellipse(s, .085, -.34, s.knob + .02, s.knob + .03, .05)
    trunk = _ellipse(s, .10, -.14, .085, .17, .06)
    return np.maximum.reduce([left, right, arch, trunk, _step(s.medial*.8 - s.a, .06)])

def _ribs(s)->np.ndarray:
    "Posterior and anterior ribs with brighter rims, clavicles and the spine: what bone adds to the film."
    out, wear = 0, _rng(s.patient, 13).uniform(.75, 1.15, (2, 24))
    cage = _step(s.wall + .015 - s.a, .03)*_step(s.t - .02, .06)*_step(s.floor + .12 - s.y, .3)
    back, front = _in_depth(s, 1), _in_depth(s, -1)
    arcs = ((back, s.rib_drop*(1.25 - .5*np.clip(s.t, 0, 1))*(back.a - .22)**2, .10, _step(back.a - .06, .04)),
            (front, s.rib_slope*(.72 - front.a) + .05, .055, _step(front.a - .34, .2)*_step(s.t - .12, .1)))
    for i, (layer, drop, bright, where) in enumerate(arcs):
        v = (layer.y - drop - s.apex)/s.rib_gap
        n = np.clip(np.floor(v + .5), 0, 23).astype(int)
        f, half = abs(v - np.floor(v + .5)), s.rib_thick*(.5 + .1*i)
        band = _step(half - f, .10)*(.55 + .45*np.clip(f/half, 0, 1)**2)
        out = out + band*where*bright*wear[i][n]
    rim = _bump(((s.a - s.wall)/.035)**2)*_step(s.t - .1, .1)*.07
    return s.bone*((out + rim)*cage + _clavicles(front) + _spine(back))

def _clavicles(s)->np.ndarray:
    "Two bars from the breast bone up to the shoulders, and the heads of the upper arms."
    line = s.clavicle - s.rise*(s.a - .07) + .5*s.rise*np.clip(s.a - .35, 0, 1)**2
    f = abs(s.y - line)/(.042 - .012*_bump(((s.a - .35)/.3)**2))
    bar = _step(1 - f, .4)*(.6 + .4*np.clip(f, 0, 1)**2)*_step(s.a - .06, .03)*_step(.86 - s.a, .05)
    arm = _ellipse(SimpleNamespace(x=s.a, y=s.y), 1.0, s.clavicle - .02, .15, .19, .05)
    blade = _step(.03 - abs(s.a - s.half - .02 + .25*(s.y + .35)), .05)*_step(.33 - abs(s.y + .28), .1)
    return .12*bar + .10*arm + .035*blade

def _spine(s)->np.ndarray:
    "Vertebral bodies, discs between them, a row of spinous processes."
    f = np.mod(s.y - s.apex, .135)/.135
    body = _step(.085 - s.a, .04)*(.55 + .45*_step(.36 - abs(f - .5), .2))
    return (.055*body + .03*_bump((s.a/.028)**2 + ((f - .5)/.28)**2))*(1 - .5*_step(s.y - s.floor + s.dome, .3))

def _vessels(s)->np.ndarray:
    "The lungs' vascular trees, 0..1, from both hila; a patient keeps them."
    rng, strokes = _rng(s.patient, 14), []
    for side in (-1, 1):
        strokes += _tree(rng, side, np.linspace(-1.4, 1.25, 10) + rng.uniform(-.15, .15, 10), .58, .026)
    return _lines(s, strokes)

def _tree(rng, side:int, angles, length:float, width:float, root=None, twigs:int=3)->list:
    "Wandering strokes from the hilum (or `root`) and their twigs: a list of (x, y, width)."
    steps, n = 7, len(angles)
    heading = angles[:, None] + rng.normal(0, .17, (n, steps)).cumsum(1)
    reach = length*rng.uniform(.6, 1.1, (n, 1))/steps
    x0, y0 = (np.full((n, 1), .16), -.06 + .11*angles[:, None]) if root is None else root
    x = np.hstack([x0, x0 + (np.cos(heading)*reach).cumsum(1)])
    y = np.hstack([y0, y0 + (np.sin(heading)*reach).cumsum(1)])
    out = [(side*x[i, a:b], y[i, a:b], width*w) for i in range(n) for a, b, w in ((0, 4, 1), (3, 6, .65), (5, 8, .4))]
    for at in range(2, 2 + twigs):
        fork = heading[:, at] + rng.choice([-1, 1], n)*rng.uniform(.4, .8, n)
        out += _tree(rng, side, fork, length*.5, width*.5, (x[:, at:at + 1], y[:, at:at + 1]), 0)
    return out

def _lines(s, strokes)->np.ndarray:
    "Polylines drawn four times too large, averaged down and softened, 0..1."
    canvas = 4*s.size
    sheet = Image.new("L", (canvas, canvas))
    pen = ImageDraw.Draw(sheet)
    for x, y, width in strokes:
        xy = np.stack(s.pixels(x, y, canvas), 1).ravel().tolist()
        pen.line(xy, fill=255, width=max(1, round(width*canvas/2)), joint="curve" if width > .03 else None)
    out = np.asarray(sheet.reduce(4))/255
    for _ in range(s.size//85): out = _soften(out)
    return out

def _soften(a)->np.ndarray:
    "Each pixel with its neighbours, weights 1 2 1 along both axes."
    a = np.pad(a, 1, "edge")
    a = a[:-2] + 2*a[1:-1] + a[2:]
    return (a[:, :-2] + 2*a[:, 1:-1] + a[:, 2:])/16


# ---- what the classes show: (scene, rng) -> the share of air that is filled, 0..1

def _nothing(s, rng): return np.zeros((s.size, s.size))

def _lobe(s, rng):
    "Bacterial: one dense lobe in one lung, ending sharply at a fissure, with air-filled bronchi within."
    side, above = rng.choice([-1, 1]), rng.random() < .45
    level, tilt = rng.uniform(.42, .56), rng.uniform(-.15, .25)
    past = s.t - level - tilt*(s.u - .5)       # depth beyond the fissure, in lung heights
    past = -past if above else past
    reach = rng.uniform(.30, .55)
    patch = _step(past, .03)*_step(reach - past + .07*_clouds(s, rng, 6), .28)*(s.side == side)
    bronchi = _lines(s, _tree(rng, side, rng.uniform(-1.2, 1.2, 6), .5, .022, twigs=0))
    return rng.uniform(.45, .9)*patch*(.88 + .12*_clouds(s, rng, 10))*(1 - .35*bronchi)

def _streaks(s, rng):
    "Viral: streaks and haze around both hila."
    strokes, haze = [], 0
    for side in (-1, 1):
        angles = np.linspace(-1.4, 1.3, 18) + rng.uniform(-.1, .1, 18)
        strokes += _tree(rng, side, angles, rng.uniform(.36, .5), .034)
        haze = haze + rng.uniform(.8, 1)*_bump(((s.x - side*.2)/.42)**2 + ((s.y + .02)/.55)**2)
    near = _bump((np.clip(s.u, 0, 2)/1.25)**2)
    patchy = .8 + .5*_clouds(s, rng, 9)
    return rng.uniform(.5, 1)*(.42*_lines(s, strokes)*near*patchy + .30*haze*patchy)

def _ground_glass(s, rng):
    "COVID-19: several hazy patches at the rim of both lungs, most of them low."
    out = _nothing(s, rng)
    for side in (-1, 1):
        for _ in range(rng.integers(2, 5)):
            u, t, r = rng.uniform(.68, 1.0), rng.uniform(.42, .88), rng.uniform(.12, .22)
            warp = 1 + .45*_clouds(s, rng, 8)
            spot = _bump((((s.u - u)*.5/r)**2 + ((s.t - t)*1.1/r)**2)*warp)*(s.side == side)
            out = np.maximum(out, rng.uniform(.28, .62)*np.sqrt(spot))
    return out*(.85 + .15*_clouds(s, rng, 24))

def _apical(s, rng):
    "Tuberculosis: nodules in the upper zones, most often with a cavity: a ring around a dark middle."
    sides, out = ([rng.choice([-1, 1])] if rng.random() < .55 else [-1, 1]), _nothing(s, rng)
    for side in sides:
        for _ in range(rng.integers(7, 15)):
            x, y = _place(s, side, rng.uniform(.15, .9), rng.uniform(.06, .40))
            out = np.maximum(out, rng.uniform(.25, .65)*_ellipse(s, x, y, *rng.uniform(.025, .06, 2), .055))
        strokes = _tree(rng, side, rng.uniform(-1.5, -.7, 7), .5, .018, twigs=0)
        out = np.maximum(out, .35*_lines(s, strokes)*_step(.45 - s.t, .2))
    ragged = 1 + .3*_clouds(s, rng, 22)
    if rng.random() < .65:
        (x, y), r = _place(s, sides[0], rng.uniform(.3, .7), rng.uniform(.15, .33)), rng.uniform(.07, .12)
        far = np.sqrt((s.x - x)**2 + (s.y - y)**2)*(1 + .12*_clouds(s, rng, 12))
        wall = rng.uniform(.40, .70)*_step(r - far, .05)
        out = np.maximum(out, wall)*(1 - .9*_step(r*.62 - far, .05))
    return out*ragged

def _effusion(s, rng):
    "Fluid that fills one or both bases and climbs at the ribs; drawn with a heart that is too large."
    out = _nothing(s, rng)
    for side in rng.choice([-1, 1], rng.integers(1, 3), replace=False):
        level = rng.uniform(.58, .80)
        top = s.t - level + rng.uniform(.12, .30)*np.clip(s.u, 0, 1)**3
        out = np.maximum(out, rng.uniform(.8, .97)*_step(top, .05)*(s.side == side))
    return out

def _mass(s, rng):
    "One round mass with a clear edge."
    x, y = _place(s, rng.choice([-1, 1]), rng.uniform(.3, .75), rng.uniform(.28, .66))
    r = rng.uniform(.085, .16)
    return rng.uniform(.55, .9)*_ellipse(s, x, y, r, r*rng.uniform(.85, 1.1), .03)

def _place(s, side:int, u:float, t:float)->tuple[float, float]:
    "The (x, y) of a point at level `t`, `u` of the way from the heart to the ribs."
    inner = .30 - (.30 - s.medial)*math.sqrt(min(t/.32, 1)*(2 - min(t/.32, 1)))
    wall = .30 + (s.half - .30)*math.sqrt(t*(2 - t))
    return side*(inner + u*(wall - inner)), s.apex + t*(s.floor - s.apex)

OPACITIES = {"bacterial_pneumonia": _lobe, "covid_19": _ground_glass, "normal": _nothing, "tuberculosis": _apical,
             "viral_pneumonia": _streaks, "heart_effusion": _effusion, "mass": _mass}


# ---- the film

def draw(
    kind:str,               # one of KINDS; `other_findings` is a large heart with an effusion, or a mass
    seed:int,               # pose, exposure, noise and the opacity's place
    size:int=256,           # width and height, pixels
    patient:int|None=None,  # the chest; None: one of its own for each `seed`
    age:str="adult",        # one of AGES
)->np.ndarray:              # (size, size) uint8, 0 = black
    "A frontal chest radiograph. One `seed` keeps pose and exposure across kinds, so that only the disease differs."
    if kind not in KINDS: raise UnknownName(unknown_name("kind", kind, KINDS))
    if age not in AGES: raise UnknownName(unknown_name("age", age, AGES))
    if size < LEAST_SIZE: raise UsageError(f"size is {size}: a phantom is at least {LEAST_SIZE} pixels wide")
    if min(seed, patient or 0) < 0: raise UsageError(f"seed {seed}, patient {patient}: expected numbers from 0 on")
    rng = _rng(seed, 15, KINDS.index(kind))
    form = KINDS[-1 - rng.integers(2)] if kind == "other_findings" else kind
    body = _anatomy(seed + 1_000_003 if patient is None else patient, age)
    if form == "heart_effusion": body.heart *= rng.uniform(1.22, 1.45)
    s = _scene(body, _pose(seed, size))
    heart = _heart(s)
    air = s.depth*(1 - .88*heart)*(1 - np.clip(OPACITIES[form](s, rng), 0, 1))
    return _expose(s, _film(s, heart, air))

def _film(s, heart, air)->np.ndarray:
    "Brightness before exposure: soft tissue, less air, plus heart, belly, vessels and bone."
    side = s.trunk + 1.5*np.clip(-.05 - s.y, 0, 1)**2
    top = s.shoulder + s.droop*np.clip(s.a - s.neck, 0, 2)
    collar = s.neck + 2*np.clip(s.y - s.shoulder + .15, 0, 1)**2
    body = np.maximum(_step(side - s.a, .05)*_step(s.y - top, .06), _step(collar - s.a, .06))
    thick = .40 + .16*np.sqrt(np.clip(1 - (s.a/(side + .1))**2, 0, 1)) + s.fat
    breast = _ellipse(SimpleNamespace(x=s.a, y=s.y), .46, .16, .30, .28, .06)*np.clip(s.y + .2, 0, 1)
    belly = _step(s.y - s.under, .04)*_step(s.wall + .05 - s.a, .2)
    gas = .13*_gut(s)*belly
    film = body*(thick + np.maximum(.12*heart, .11*belly) + max(s.breast, 0)*breast*(1 - heart)*(1 - belly)) - gas
    film = film - .40*air - .07*_step(.035 - abs(s.x - .01), .03)*_step(-.28 - s.y, .1)
    hila = _bump(((s.a - .20)/.13)**2 + ((s.y + .06)/.20)**2)
    blood, tissue = _vessels(s), _rng(s.patient, 16)
    film = film + air*(.13*blood + .09*hila + .03*_clouds(s, tissue, 16)) + .025*_clouds(s, tissue, 4)*body
    return film + _ribs(s)*body*(1 - .4*belly)*np.clip(1.45 - film*1.25, .3, 1)

def _gut(s)->np.ndarray:
    "Gas under the patient's left dome, in about half of the people."
    rng = _rng(s.seed, 17)
    x, y, r = rng.uniform(.30, .45), s.floor - s.dome + rng.uniform(.12, .16), rng.uniform(.06, .11)
    return (rng.random() < .5)*_ellipse(s, x, y, r*1.4, r, .05)

def _expose(s, film)->np.ndarray:
    "Exposure, tone, tilt of the light, a side marker, grain; then whole grey values."
    rng = _rng(s.seed, 18)
    gain, black, tone = rng.uniform(.95, 1.25), rng.uniform(-.05, .10), rng.uniform(-.35, .45)
    tilt, grain = rng.uniform(-.06, .06, 2), rng.uniform(.010, .028)
    v = film*gain + black + tilt[0]*s.x + tilt[1]*s.y
    v = np.clip(v + .02*_clouds(s, rng, 3), 0, 1)
    v = v + tone*v*(1 - v)  # a gamma of about .7 to 1.4, without a power
    v = v + (.97 - v)*_marker(s, rng) + grain*rng.standard_normal(v.shape)
    # rounded twice: a last-bit difference between platforms cannot tip a pixel
    return np.floor(np.round(np.clip(v, 0, 1)*255, 6) + .5).astype(np.uint8)

def _marker(s, rng)->np.ndarray:
    "What lies on the film: the letter R beside the patient's right shoulder or L beside the left, now and then a lead."
    left, lettered, wired = rng.random() < .4, rng.random() < .7, rng.random() < .15
    x0, y0, h = rng.uniform(.74, .84)*(1 if left else -1), rng.uniform(-.88, -.6), rng.uniform(.05, .08)
    outline = [(0, -1), (0, 1), (1, 1)] if left else [(0, 1), (0, -1), (.8, -.9), (.9, -.4), (0, 0), (1, 1)]
    x, y = np.array(outline).T
    letter = (x0 + h*x*.8, y0 + h*y, h*.36)
    at = np.linspace(0, 1, 12)
    lead = (rng.uniform(-.5, .5) + rng.uniform(-.6, .6)*at + .2*at**2, -1 + rng.uniform(.8, 1.8)*at, .012)
    return _lines(s, [letter]*lettered + [lead]*wired)


# ---- a mirror of fake sources

COLUMNS = """source on transport handle title glob label_from label_key label_value findings name_regex patient
radiograph table encoding table_key view view_keep modality modality_keep age sex split age_group derived_from licence
redistribute citation url expected_total expected unconfirmed notes""".split()
FOLDERS = {"bacteria": "bacterial_pneumonia", "normal": "normal", "tb": "tuberculosis", "virus": "viral_pneumonia"}
IMAGES_EACH = (2, 2, 1, 3, 4)  # how many a patient has, in turn; the second of five is in the official test folder
CONTAINERS = ((".png", "L", {"compress_level": 1}), (".bmp", "L", {}), (".png", "RGB", {}), (".tif", "L", {}))
SHARED_WARDS = (2, 3, 4, 5)    # patients of the hospital who also came to the tuberculosis clinic
LEAST = 6                      # images a class below which not every flaw finds its image


@dataclass
class Planted:
    "The answer sheet: what was hidden where. Files are `source/path in the source`, with slashes."
    root: Path     # the folder that was written
    mirror: Path   # pass it as --mirror
    catalog: Path  # pass it as --manifest
    copies: list[tuple[str, str, str]] = field(default_factory=list)  # (original, copy, bytes | pixels), conflicts too
    conflicts: list[tuple[str, str]] = field(default_factory=list)    # equal bytes under different labels
    damaged: list[str] = field(default_factory=list)          # cut off in the middle
    shared_patients: list[str] = field(default_factory=list)  # with images in two sources
    junk: list[str] = field(default_factory=list)             # archive leftovers, a nested second copy: met by no glob
    filtered: list[str] = field(default_factory=list)         # CT slices and lateral views
    missing: list[str] = field(default_factory=list)          # named in a table, not there
    unlisted: list[str] = field(default_factory=list)         # there, in no row of the table


class _Writer:
    "Draws and writes one mirror; every drawing has the next seed."
    def __init__(self, root:Path, size:int, seed:int):
        self.size, self.base, self.count = size, seed*1_000_000, 0
        self.made, self.films = set(), []  # folders; names of images
        self.rng, self.planted = _rng(seed, 19), Planted(root, root/"mirror", root/"data_manifest.csv")

    def path(self, name:str)->Path: return self.planted.mirror/"local"/name

    def put(self, name:str, data:bytes)->str:
        path = self.path(name)
        if path.parent not in self.made: self.made.add(make_folder(path.parent))
        path.write_bytes(data)
        return name

    def image(self, name:str, image, **how)->str:
        "Save pixels or a Pillow image in the format of the name's ending."
        buffer, ending = io.BytesIO(), Path(name).suffix.lower()
        image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
        image.save(buffer, {".jpeg": "JPEG", ".jpg": "JPEG", ".tif": "TIFF"}.get(ending, ending[1:].upper()), **how)
        self.films.append(name)
        return self.put(name, buffer.getvalue())

    def film(self, kind:str, patient:int, age:str="adult")->np.ndarray:
        self.count += 1
        return draw(kind, self.base + self.count, self.size, self.base + patient, age)

    def copy(self, name:str, to:str)->None:
        self.put(to, self.path(name).read_bytes())
        self.planted.copies.append((name, to, "bytes"))

    def table(self, name:str, rows:list[dict], encoding:str="utf-8")->str:
        return self.put(name, _csv(list(rows[0]), rows).encode(encoding))


def _csv(columns, rows)->str:
    "Rows as CSV text with \\n endings; a column that a row lacks is blank."
    out = io.StringIO()
    pen = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    pen.writeheader()
    pen.writerows(rows)
    return out.getvalue()

def _rules(source:str, first:dict, rows:list[dict])->list[dict]:
    "Catalogue rows of one source: the first holds what all of them share."
    same = {"source": source, "on": "yes", "transport": "local", "handle": source, "licence": "CC0-1.0",
            "redistribute": "yes", "citation": "Drawn by cxr_fastai.phantom; no person was imaged.", **first}
    return [{**same, **rows[0]}, *({"source": source, **r} for r in rows[1:])]

def _visits(kinds:list[str]):
    "Deal images to patients: (patient number from 0, its image number from 0, kind)."
    patient = image = 0
    for kind in kinds:
        yield patient, image, kind
        image += 1
        if image == IMAGES_EACH[patient % 5]: patient, image = patient + 1, 0

def _children(w:_Writer, n:int)->list[dict]:
    "A children's clinic: labels in names, an official test folder of other patients, what archives leave behind."
    pid, counts = 1, {"bacteria": n, "virus": n, "NORMAL": max(3, n//3)}
    for label, count in counts.items():
        folder, kind = ("NORMAL", "normal") if label == "NORMAL" else ("PNEUMONIA", FOLDERS[label])
        for i, (patient, image, _) in enumerate(_visits([kind]*count)):
            number, part = pid + patient, "test" if patient % 5 == 1 else "train"
            name = f"IM-{number:04d}-{image + 1:04d}" if label == "NORMAL" else f"person{number}_{label}_{i + 1}"
            film = w.film(kind, 100_000 + number, "child")
            w.image(f"phantom_children/chest/{part}/{folder}/{name}.jpeg", film, quality=95)
        pid = number + 1
    _leftovers(w)
    first = {"title": "Drawn children's clinic", "glob": "chest/train/**/*.jpeg ; chest/test/**/*.jpeg",
             "label_from": "name", "name_regex": r"(?P<kind>person)(?P<pid>\d+)_(?P<label>bacteria|virus)_",
             "patient": "clinic:{kind}:{pid}", "view": "AP", "modality": "X-ray",
             "split": "path:(?P<test>^chest/test/)",
             "age_group": "child", "expected_total": len(w.films)}
    return _rules("phantom_children", first, [
        {"label_value": "bacteria", "findings": "bacterial_pneumonia", "expected": n},
        {"label_value": "virus", "findings": "viral_pneumonia", "expected": n},
        {"label_from": "folder", "label_value": "NORMAL", "name_regex": r"(?P<kind>IM)-(?P<pid>\d+)-",
         "findings": "no_finding", "expected": counts["NORMAL"]}])

def _leftovers(w:_Writer)->None:
    "What archives carry along: resource forks, folder settings, the first files once more and one level down."
    fork = bytes.fromhex("0005160700020000") + b"Mac OS X".ljust(112, b"\0")
    for name in (w.films[0], w.films[-1]):
        path = Path(name.replace("phantom_children/", "phantom_children/__MACOSX/"))
        w.planted.junk.append(w.put(path.with_name(f"._{path.name}").as_posix(), fork))
    for folder in ("chest", "chest/train"):
        w.planted.junk.append(w.put(f"phantom_children/{folder}/.DS_Store", b"\0\0\0\1Bud1".ljust(512, b"\0")))
    for name in w.films[:3]:
        w.planted.junk.append(w.put(name.replace("/chest/", "/chest/chest/"), w.path(name).read_bytes()))

def _covid(w:_Writer, n:int)->list[dict]:
    "An open collection: a table in Latin-1 that names CT slices, lateral views, absent files, and leaves one file out."
    few = max(3, n//6)
    kinds = [("COVID-19", "covid_19")]*n + [("No Finding", "normal")]*few + [("", "covid_19")]*3
    rows = []
    for i, (patient, image, (finding, kind)) in enumerate(_visits(kinds)):
        ending, how = ("jpg", {"quality": 95}) if i % 4 == 3 else ("png", {})
        name = f"case{patient + 1}-{image}.{ending}"
        w.image(f"phantom_covid/images/{name}", w.film(kind, 200_000 + patient), **how)
        rows.append(_case(patient + 1, image, finding, ("PA", "AP", "PA", "")[patient % 4], "X-ray", name))
    for i in range(6):
        view, modality = ("L", "X-ray") if i % 2 else ("Axial", "CT")
        name = f"case{i + 1}-{modality[0]}.png"
        w.planted.filtered.append(w.image(f"phantom_covid/images/{name}", _other_view(modality, w.base + i, w.size)))
        rows.append(_case(i + 1, 9, "COVID-19", view, modality, name))
    for i in (1, 2):
        rows.append(_case(900 + i, 0, "COVID-19", "PA", "X-ray", f"case{900 + i}-0.png"))
        w.planted.missing.append(f"phantom_covid/images/case{900 + i}-0.png")
    w.planted.unlisted.append(w.image("phantom_covid/images/unlisted.png", w.film("covid_19", 299_999)))
    w.table("phantom_covid/metadata.csv", rows, "latin-1")
    first = {"title": "Drawn open collection", "glob": "images/*.png ; images/*.jpg", "label_from": "column",
             "label_key": "finding", "patient": "open:{patientid}", "table": "metadata.csv", "encoding": "latin-1",
             "table_key": "{filename}", "view": "{view}", "view_keep": "PA|AP|blank", "modality": "{modality}",
             "modality_keep": "X-ray", "age": "{age}", "sex": "{sex}", "age_group": "adult",
             "expected_total": len(rows) - 2 + 1}  # two are missing, one is unlisted
    return _rules("phantom_covid", first, [
        {"label_value": "COVID-19", "findings": "covid_19", "expected": n},
        {"label_value": "No Finding", "findings": "no_finding", "expected": few},
        {"label_value": "blank", "findings": "", "expected": 3, "notes": "the table is silent: unknown, not normal"}])

def _case(pid:int, offset:int, finding:str, view:str, modality:str, name:str)->dict:
    "A row of the open collection's table."
    return {"patientid": pid, "offset": offset, "sex": "FM"[pid % 2], "age": 25 + pid*7 % 60, "finding": finding,
            "view": view, "modality": modality, "filename": name,
            "notes": f"seen by Dr. Muñoz, Zürich; day {offset}" if pid % 2 else ""}

def _other_view(modality:str, seed:int, size:int)->np.ndarray:
    "What is no frontal radiograph: an axial CT slice, or a chest from the side."
    pose = _pose(seed, size)
    s = SimpleNamespace(**vars(pose))
    if modality == "CT":
        lungs = np.maximum(_ellipse(s, -.36, 0, .26, .42), _ellipse(s, .38, .02, .24, .40))
        ribs = _step(.05 - abs(1 - np.sqrt((s.x/.75)**2 + (s.y/.58)**2)), .05)
        bone = np.maximum(_ellipse(s, 0, .42, .12, .12), ribs)
        film = .6*_ellipse(s, 0, 0, .88, .68) - .5*lungs + .3*bone + .1*_ellipse(s, .08, -.18, .2, .2)
    else:
        lung = _ellipse(s, 0, -.1, .52, .66, .1)*_step(.42 - s.y + .4*s.x, .06)
        heart, spine = _ellipse(s, -.2, .22, .3, .26, .1), _ellipse(s, .62, 0, .1, 1.2)
        film = .65*_ellipse(s, 0, .1, .85, 1.3) - .4*lung + .22*heart + .15*spine
    return _expose(s, film)

def _hospital(w:_Writer, n:int)->list[dict]:
    "A hospital: several labels in one cell, patients who come back; some are the tuberculosis clinic's patients too."
    labels = {"heart_effusion": "Cardiomegaly|Effusion", "mass": "Mass", "normal": "No Finding"}
    kinds = ["heart_effusion"]*(n - n//2) + ["mass"]*(n//2) + ["normal"]*max(3, n//3)
    rows = []
    for patient, image, k in _visits(w.rng.permutation(len(kinds))):
        pid, kind = patient + 1, kinds[k]
        name = f"{pid:08d}_{image:03d}.png"
        w.image(f"phantom_hospital/images/{name}", w.film(kind, 300_000 + pid))
        rows.append({"Image Index": name, "Finding Labels": labels[kind], "Patient ID": pid,
                     "Patient Age": 30 + pid*11 % 55, "Patient Gender": "MF"[pid % 2],
                     "View Position": ("PA", "AP")[pid % 3 == 0]})
    w.table("phantom_hospital/labels.csv", rows)
    w.planted.shared_patients += [f"ward:{pid}" for pid in SHARED_WARDS]
    first = {"title": "Drawn hospital", "glob": "images/*.png", "label_from": "column", "label_key": "Finding Labels",
             "patient": "ward:{Patient ID}", "table": "labels.csv", "encoding": "utf-8", "table_key": "{Image Index}",
             "view": "{View Position}", "view_keep": "PA|AP", "modality": "X-ray", "age": "{Patient Age}",
             "sex": "{Patient Gender}", "age_group": "adult", "expected_total": len(rows)}
    said = [r["Finding Labels"].split("|") for r in rows]
    words = {"No Finding": "no_finding", "Cardiomegaly": "cardiomegaly", "Effusion": "effusion", "Mass": "mass"}
    return _rules("phantom_hospital", first, [
        {"label_value": v, "findings": f, "expected": sum(v in cell for cell in said)} for v, f in words.items()])

def _clinic(w:_Writer, n:int)->list[dict]:
    "A tuberculosis clinic: 8-bit, 16-bit and palette PNG, one image a patient, the label in the name."
    few = max(3, n//4)
    for i in range(n + few):
        sick = int(i < n)
        # two of the hospital's patients fell ill here, two did not
        pid = SHARED_WARDS[i] if i < 2 else SHARED_WARDS[i - n + 2] if n <= i < n + 2 else 5000 + i
        w.image(f"phantom_tb/CXR_png/TBX_{pid:04d}_{sick}.png",
                _stored(w.film("tuberculosis" if sick else "normal", 300_000 + pid), i % 6))
    first = {"title": "Drawn tuberculosis clinic", "glob": "CXR_png/*.png", "label_from": "name",
             "name_regex": r"TBX_0*(?P<pid>[1-9]\d*)_(?P<label>[01])\.png$", "patient": "ward:{pid}", "view": "PA",
             "modality": "X-ray", "age_group": "adult", "expected_total": n + few}
    return _rules("phantom_tb", first, [{"label_value": "1", "findings": "tuberculosis", "expected": n},
                                        {"label_value": "0", "findings": "no_finding", "expected": few}])

def _stored(pixels, form:int):
    "The same picture as 16-bit grey (form 2), through a reversed palette (form 4), or plain."
    if form == 2: return pixels.astype(np.uint16)*257
    if form != 4: return pixels
    image = Image.fromarray(255 - pixels)
    image.putpalette([255 - i for i in range(256) for _ in "rgb"])
    return image

def _grey(path:Path)->np.ndarray:
    "A drawn file's pixels, uint8."
    with Image.open(path) as image:
        if image.mode.startswith("I"): return (np.asarray(image)//257).astype(np.uint8)
        return np.asarray(image.convert("L"))

def _folder(name:str)->str:
    "The folder of `_merge` that an image of the children's or the tuberculosis clinic belongs in."
    if name.startswith("phantom_tb"): return "tb" if name.endswith("_1.png") else "normal"
    return next((f for f in ("bacteria", "virus") if f"_{f}_" in name), "normal")

def _merge(w:_Writer, n:int)->list[dict]:
    "A re-publication: copies of two sources under new names and in new containers, one wrong label, one cut file."
    numbers = iter(w.rng.permutation(100*n).tolist())
    def new(folder, ending): return f"phantom_merge/{folder}/{folder[0]}{next(numbers):05d}{ending}"
    films = [w.films[i] for i in w.rng.permutation(len(w.films))]
    films = [f for f in films if f.startswith(("phantom_children", "phantom_tb"))]
    official = next(f for f in films if "/test/" in f and "_bacteria_" in f)
    films = [f for f in films if "/test/" not in f]
    mistaken = next(f for f in films if "_bacteria_" in f)
    films.remove(mistaken)
    many = 7 + n//15
    for f in [*films[:many], official]: w.copy(f, new(_folder(f), Path(f).suffix))
    for i, f in enumerate(films[many:2*many + 1]):
        ending, mode, how = CONTAINERS[i % 4]
        to = w.image(new(_folder(f), ending), Image.fromarray(_grey(w.path(f))).convert(mode), **how)
        w.planted.copies.append((f, to, "pixels"))
    w.copy(mistaken, new("virus", ".jpeg"))
    w.planted.conflicts.append(w.planted.copies[-1][:2])
    for folder, kind in FOLDERS.items():
        for i in range(n//8 + 1): w.image(new(folder, ".png"), w.film(kind, 400_000 + w.count, AGES[i % 2]))
    cut = w.image(new("normal", ".png"), w.film("normal", 499_999))
    w.put(cut, w.path(cut).read_bytes()[:w.path(cut).stat().st_size//2])
    w.planted.damaged.append(cut)
    count = {f: sum(1 for _ in w.path(f"phantom_merge/{f}").iterdir()) for f in FOLDERS}
    first = {"title": "Drawn re-publication", "glob": "*/*.jpeg ; */*.png ; */*.bmp ; */*.tif", "label_from": "folder",
             "modality": "X-ray", "age_group": "mixed", "derived_from": "phantom_children|phantom_tb",
             "expected_total": sum(count.values())}
    means = {**FOLDERS, "normal": "no_finding"}
    return _rules("phantom_merge", first, [
        {"label_value": f, "findings": means[f], "expected": count[f]} for f in FOLDERS])


def _made(sheet:Path):
    "The arguments that an answer sheet was written with; None where it is none."
    try: return json.loads(sheet.read_text(encoding="utf-8"))["made"]
    except (ValueError, KeyError, TypeError): return None

def write_sources(
    out:Path,             # folder to write; empty, or written before by the same call
    n_per_class:int=90,   # images a class, without copies and re-publications; at least LEAST
    size:int=128,         # width and height of every image, pixels
    seed:int=0,           # same seed, same bytes under the same Pillow
)->Planted:
    "Write `out/mirror`, `out/data_manifest.csv` and, last, `out/planted.json`. Never deletes a file."
    if n_per_class < LEAST: raise UsageError(f"n_per_class is {n_per_class}: give at least {LEAST}, to hide every flaw")
    out, made = make_folder(out), {"n_per_class": n_per_class, "size": size, "seed": seed}
    sheet = out/"planted.json"
    if sheet.exists() and _made(sheet) != made:
        raise UsageError(f"{out} holds other phantoms: choose another folder, or remove it")
    w = _Writer(out, size, seed)
    rows = [row for source in (_children, _covid, _hospital, _clinic, _merge) for row in source(w, n_per_class)]
    write_text(w.planted.catalog, _csv(COLUMNS, rows))
    places = {"root": ".", "mirror": "mirror", "catalog": "data_manifest.csv"}  # not absolute: same seed, same bytes
    write_json(sheet, {"made": made, **asdict(w.planted), **places})
    return w.planted
