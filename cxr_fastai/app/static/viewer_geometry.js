/* Where a film lies on its stage: zoom, the middle of the view, quarter turns. Numbers in, numbers out.

   A view is {zoom, x, y, turns}: screen pixels for one pixel of the film, the place of the film (in
   its own pixels) at the middle of the stage, quarter turns to the right (0 to 3). A stage and a
   film are {width, height}; stages in screen pixels, that is with the device's pixel ratio. */

export const MOST_ZOOM = 16; // screen pixels a film pixel; more shows squares alone

/** Give how wide and high a film is after its turns, in its own pixels. */
export function turnedSize(film, turns) {
  const lies = turns % 2 === 1;
  return lies
    ? { width: film.height, height: film.width }
    : { width: film.width, height: film.height };
}

/** Give the zoom at which the whole film is seen. */
export function fitZoom(film, stage, turns) {
  const size = turnedSize(film, turns);
  return Math.min(stage.width / size.width, stage.height / size.height);
}

/** Give the view of the whole film in the middle of the stage. */
export function fitted(film, stage, turns) {
  const zoom = fitZoom(film, stage, turns);
  return { zoom, x: film.width / 2, y: film.height / 2, turns };
}

/** Turn a step on the screen into one on the film. */
export function stepOnFilm(view, right, down) {
  const across = right / view.zoom;
  const along = down / view.zoom;
  const steps = [
    [across, along],
    [along, -across],
    [-across, -along],
    [-along, across],
  ];
  return steps[view.turns];
}

/** Give the place of the film under a place of the stage. */
export function placeOnFilm(view, stage, point) {
  const [right, down] = stepOnFilm(view, point.x - stage.width / 2, point.y - stage.height / 2);
  return { x: view.x + right, y: view.y + down };
}

/** Give the place of the stage over a place of the film. */
export function placeOnStage(view, stage, place) {
  const right = (place.x - view.x) * view.zoom;
  const down = (place.y - view.y) * view.zoom;
  const steps = [
    [right, down],
    [-down, right],
    [-right, -down],
    [down, -right],
  ];
  const [across, along] = steps[view.turns];
  return { x: stage.width / 2 + across, y: stage.height / 2 + along };
}

/** Zoom so that the place of the film under a point of the stage stays there. */
export function zoomedAt(view, film, stage, point, times) {
  const held = placeOnFilm(view, stage, point);
  const zoom = withinZooms(view.zoom * times, film, stage, view.turns);
  const [right, down] = stepOnFilm(
    { ...view, zoom },
    point.x - stage.width / 2,
    point.y - stage.height / 2,
  );
  return kept({ ...view, zoom, x: held.x - right, y: held.y - down }, film, stage);
}

/** Move the film by a step on the screen. */
export function moved(view, film, stage, right, down) {
  const [across, along] = stepOnFilm(view, right, down);
  return kept({ ...view, x: view.x - across, y: view.y - along }, film, stage);
}

/** Turn the view by quarters to the right; a film that was seen whole is seen whole again. */
export function turned(view, film, stage, quarters) {
  const turns = (view.turns + quarters + 4) % 4;
  if (isFitted(view, film, stage)) {
    return fitted(film, stage, turns);
  }
  const zoom = withinZooms(view.zoom, film, stage, turns);
  return kept({ ...view, zoom, turns }, film, stage);
}

/** Tell whether the whole film is seen as large as the stage allows. */
export function isFitted(view, film, stage) {
  const fit = fitZoom(film, stage, view.turns);
  return Math.abs(view.zoom / fit - 1) < 1e-6;
}

/** Hold a zoom between the whole film (or its real size, if that is smaller) and MOST_ZOOM. */
function withinZooms(zoom, film, stage, turns) {
  const fit = fitZoom(film, stage, turns);
  const least = Math.min(fit, 1);
  const most = Math.max(MOST_ZOOM, fit);
  return Math.min(Math.max(zoom, least), most);
}

/** Keep a place of the film in the middle of the stage; in the middle of a side that is seen whole. */
export function kept(view, film, stage) {
  const seen = turnedSize(stage, view.turns);
  const x = heldIn(view.x, film.width, seen.width / view.zoom);
  const y = heldIn(view.y, film.height, seen.height / view.zoom);
  return { ...view, x, y };
}

function heldIn(place, length, seen) {
  if (length <= seen * (1 + 1e-9)) {
    return length / 2;
  }
  return Math.min(Math.max(place, 0), length);
}
