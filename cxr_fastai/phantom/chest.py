"""The drawn chest: its measures, how an exposure stands, and the shadows of heart, bones and vessels. (patient, age,
seed) -> a scene of coordinates and arrays, which `film` makes a picture of; draws no disease and touches no file.

Distances are in half image widths: x runs to the image's right (the patient's left), y downward, the middle is (0, 0).
Only polynomials, square roots and look-ups touch whole images, in float64: every platform rounds to the same uint8.
"""
from __future__ import annotations
import math
from types import SimpleNamespace
import numpy as np
from PIL import Image, ImageDraw

AGES = ("adult", "child")
PARALLAX = .08  # half image widths that back and front shift at most between two exposures of a person

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


# ---- shapes

def stream(*key:int)->np.random.Generator:
    "A stream of its own for each key, the same on every platform."
    return np.random.default_rng(list(key))

def step(a, width:float):
    "0 to 1 as `a` crosses zero, smooth over `width`."
    t = np.clip(a/width + .5, 0, 1)
    return t*t*(3 - 2*t)

def bump(r2):
    "1 at the middle of a round blob, 0 from squared radius 1 on."
    return np.clip(1 - r2, 0, 1)**2

def ellipse(s, x:float, y:float, rx:float, ry:float, soft:float=.04, lean:float=0.):
    "A filled ellipse with a soft edge; `lean` shears its lower end to the image's right."
    v = s.y - y
    return step((1 - np.sqrt(((s.x - x - lean*v)/rx)**2 + (v/ry)**2))*min(rx, ry), soft)

def clouds(s, rng, cells:int):
    "Smooth noise, about -1 to 1, of `cells` blobs across."
    grid, at = rng.uniform(-1, 1, (cells + 1, cells + 1)), np.linspace(0, cells, s.size)
    low = np.minimum(at.astype(int), cells - 1)
    t = at - low
    t = t*t*(3 - 2*t)
    rows = grid[low]*(1 - t)[:, None] + grid[low + 1]*t[:, None]
    return rows[:, low]*(1 - t) + rows[:, low + 1]*t

def branches(rng, side:int, angles, length:float, width:float, root=None, twigs:int=3)->list:
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
        out += branches(rng, side, fork, length*.5, width*.5, (x[:, at:at + 1], y[:, at:at + 1]), 0)
    return out

def polylines(s, strokes)->np.ndarray:
    "Polylines drawn four times too large, averaged down and softened, 0..1."
    canvas = 4*s.size
    sheet = Image.new("L", (canvas, canvas))
    pen = ImageDraw.Draw(sheet)
    x, y = (np.concatenate([stroke[axis] for stroke in strokes] or [[]]) for axis in (0, 1))
    xy, at = np.stack(s.pixels(x, y, canvas), 1).ravel().tolist(), 0
    for x, _, width in strokes:
        line, at = xy[at:at + 2*len(x)], at + 2*len(x)
        pen.line(line, fill=255, width=max(1, round(width*canvas/2)), joint="curve" if width > .03 else None)
    out = np.asarray(sheet.reduce(4))/255
    for _ in range(s.size//85): out = _soften(out)
    return out

def _soften(a)->np.ndarray:
    "Each pixel with its neighbours, weights 1 2 1 along both axes."
    a = np.pad(a, 1, "edge")
    a = a[:-2] + 2*a[1:-1] + a[2:]
    return (a[:, :-2] + 2*a[:, 1:-1] + a[:, 2:])/16


# ---- the person

def anatomy(patient:int, age:str)->SimpleNamespace:
    "The measures of one person: the same `patient` is the same chest."
    rng, column = stream(patient, 11), AGES.index(age)
    return SimpleNamespace(patient=patient, **{k: rng.uniform(*v[column]) for k, v in ANATOMY.items()})

def stance(seed:int, size:int)->SimpleNamespace:
    "How one exposure stands: maps between the chest's own coordinates and pixels."
    rng = stream(seed, 12)
    turn, scale = rng.uniform(-.06, .06), rng.uniform(.94, 1.07)
    (dx, dy), breath = rng.uniform(-.05, .05, 2), rng.uniform(-.06, .05)
    parallax = rng.uniform(-PARALLAX, PARALLAX, 2)
    cos, sin, at = math.cos(turn), math.sin(turn), (np.arange(size) + .5)*(2/size) - 1
    px, py = (at[None] - dx)/scale, (at[:, None] - dy)/scale
    def pixels(x, y, canvas):  # chest coordinates -> pixels on a canvas of that width
        return (scale*(cos*x - sin*y) + dx + 1)*canvas/2, (scale*(sin*x + cos*y) + dy + 1)*canvas/2
    return SimpleNamespace(size=size, seed=seed, breath=breath, parallax=parallax, pixels=pixels,
                           x=cos*px + sin*py, y=cos*py - sin*px)

def scene(body:SimpleNamespace, pose:SimpleNamespace)->SimpleNamespace:
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
    s.lung = step(s.wall - s.a, edge)*step(s.a - s.inner, edge)*step(s.under - s.y, edge)*step(s.t, .03)
    s.depth = s.lung*(1 - .35*(2*u - 1)**4)*(.72 + .28*np.clip(t*3, 0, 1))  # air along the beam
    return s

def _in_depth(s, depth:float)->SimpleNamespace:
    """The scene as what lies `depth` behind the middle of the chest (-1 the breast bone, 1 the back) casts its shadow:
    no two exposures of a person differ by turning and moving the film alone."""
    x = s.x - depth*s.parallax[0]
    return SimpleNamespace(**{**vars(s), "x": x, "a": abs(x), "y": s.y - depth*s.parallax[1]})

def heart_shadow(s)->np.ndarray:
    "Heart, great vessels and mediastinum, 0..1: two thirds on the image's right, the apex low on that side."
    s = _in_depth(s, -.5)
    k, y = s.heart, s.floor - s.dome
    left = ellipse(s, s.apex_x*k, y - .10*k, .26*k, .31*k, .06, s.lean)
    right = ellipse(s, -.075*k, y - .13*k, .15*k, .27*k, .06)
    arch = ellipse(s, .085, -.34, s.knob + .02, s.knob + .03, .05)
    trunk = ellipse(s, .10, -.14, .085, .17, .06)
    return np.maximum.reduce([left, right, arch, trunk, step(s.medial*.8 - s.a, .06)])

def bones(s)->np.ndarray:
    "Posterior and anterior ribs with brighter rims, clavicles and the spine: what bone adds to the film."
    out, wear = 0, stream(s.patient, 13).uniform(.75, 1.15, (2, 24))
    cage = step(s.wall + .015 - s.a, .03)*step(s.t - .02, .06)*step(s.floor + .12 - s.y, .3)
    back, front = _in_depth(s, 1), _in_depth(s, -1)
    arcs = ((back, s.rib_drop*(1.25 - .5*np.clip(s.t, 0, 1))*(back.a - .22)**2, .10, step(back.a - .06, .04)),
            (front, s.rib_slope*(.72 - front.a) + .05, .055, step(front.a - .34, .2)*step(s.t - .12, .1)))
    for i, (layer, drop, bright, where) in enumerate(arcs):
        v = (layer.y - drop - s.apex)/s.rib_gap
        n = np.clip(np.floor(v + .5), 0, 23).astype(int)
        f, half = abs(v - np.floor(v + .5)), s.rib_thick*(.5 + .1*i)
        band = step(half - f, .10)*(.55 + .45*np.clip(f/half, 0, 1)**2)
        out = out + band*where*bright*wear[i][n]
    rim = bump(((s.a - s.wall)/.035)**2)*step(s.t - .1, .1)*.07
    return s.bone*((out + rim)*cage + _clavicles(front) + _spine(back))

def _clavicles(s)->np.ndarray:
    "Two bars from the breast bone up to the shoulders, and the heads of the upper arms."
    line = s.clavicle - s.rise*(s.a - .07) + .5*s.rise*np.clip(s.a - .35, 0, 1)**2
    f = abs(s.y - line)/(.042 - .012*bump(((s.a - .35)/.3)**2))
    bar = step(1 - f, .4)*(.6 + .4*np.clip(f, 0, 1)**2)*step(s.a - .06, .03)*step(.86 - s.a, .05)
    arm = ellipse(SimpleNamespace(x=s.a, y=s.y), 1.0, s.clavicle - .02, .15, .19, .05)
    blade = step(.03 - abs(s.a - s.half - .02 + .25*(s.y + .35)), .05)*step(.33 - abs(s.y + .28), .1)
    return .12*bar + .10*arm + .035*blade

def _spine(s)->np.ndarray:
    "Vertebral bodies, discs between them, a row of spinous processes."
    f = np.mod(s.y - s.apex, .135)/.135
    body = step(.085 - s.a, .04)*(.55 + .45*step(.36 - abs(f - .5), .2))
    return (.055*body + .03*bump((s.a/.028)**2 + ((f - .5)/.28)**2))*(1 - .5*step(s.y - s.floor + s.dome, .3))

def vessels(s)->np.ndarray:
    "The lungs' vascular trees, 0..1, from both hila; a patient keeps them."
    rng, strokes = stream(s.patient, 14), []
    for side in (-1, 1):
        strokes += branches(rng, side, np.linspace(-1.4, 1.25, 10) + rng.uniform(-.15, .15, 10), .58, .026)
    return polylines(s, strokes)

def place(s, side:int, u:float, t:float)->tuple[float, float]:
    "The (x, y) of a point at level `t`, `u` of the way from the heart to the ribs."
    inner = .30 - (.30 - s.medial)*math.sqrt(min(t/.32, 1)*(2 - min(t/.32, 1)))
    wall = .30 + (s.half - .30)*math.sqrt(t*(2 - t))
    return side*(inner + u*(wall - inner)), s.apex + t*(s.floor - s.apex)
