// Which key moves which field of a game's input: decided from the schema alone.

const KEYS = ["KeyE", "KeyQ", "KeyF", "KeyR", "KeyC", "KeyV", "KeyX", "KeyZ", "Digit1", "Digit2", "Digit3", "Digit4", "Digit5"];
const FIRE = /fire|shoot|attack|action|use|jump|hit/;
const ACROSS = /^(d|v|move_?|dir_?|axis_?)?x$|turn|steer|rotate|strafe|side/;
const ALONG = /^(d|v|move_?|dir_?|axis_?)?y$|thrust|throttle|accel|forward|drive/;

const isAxis = (f) => (f.type === "int" || f.type === "fixed") && f.min < 0 && f.max > 0;

// bind sorts the fields: { across, along: indexes or -1, flips, aim, buttons: [{ index, code }], sliders: [index] }.
// along grows downwards when it is a y, as on screens, and forwards when it is a thrust.
export function bind(fields) {
  const out = { across: -1, along: -1, forward: false, aim: -1, buttons: [], sliders: [] };
  const keys = [...KEYS];
  const bools = fields.flatMap((f, i) => (f.type === "bool" ? [i] : []));
  const main = bools.find((i) => FIRE.test(fields[i].name)) ?? bools[0];
  fields.forEach((f, i) => {
    if (f.type === "bool") out.buttons.push({ index: i, code: i === main ? "Space" : keys.shift() ?? null });
    else if (f.type === "angle" && out.aim < 0) out.aim = i;
    else if (isAxis(f) && out.across < 0 && ACROSS.test(f.name)) out.across = i;
    else if (isAxis(f) && out.along < 0 && ALONG.test(f.name)) [out.along, out.forward] = [i, !/y$/.test(f.name)];
    else out.sliders.push(i);
  });
  return out;
}

// axis is a field's wire value for −1 … 1.
export function axis(field, v) {
  return Math.round(v >= 0 ? v * field.max : -v * field.min) || 0;
}

export const keyName = (code) => (code === null ? "button" : code === "Space" ? "Space" : code.replace(/^(Key|Digit)/, ""));
