// What part of the world is in the picture: all of it, or the neighbourhood of the player's own entity.

const FOLLOWED = 0.62; // of the world's extent, around the own entity
const SMOOTH_MS = 180;

export class Camera {
  zoom = 1;
  #seen = null; // the extent of everything so far, shrinking slowly
  #at = null;

  // look moves the camera towards what shall be seen and returns { scale, x, y } in pixels: px = world · scale + offset.
  look(size, points, own, bounds, dt) {
    const ext = bounds ?? this.#extent(points, dt);
    if (!ext) return null;
    const margin = 0.06 * Math.max(ext.x1 - ext.x0, ext.y1 - ext.y0, 1e-6);
    const w = ext.x1 - ext.x0 + 2 * margin, hgt = ext.y1 - ext.y0 + 2 * margin;
    const whole = Math.min(size.w / w, size.h / hgt);
    let scale = whole * this.zoom, cx = (ext.x0 + ext.x1) / 2, cy = (ext.y0 + ext.y1) / 2;
    if (own && bounds) { // where the world's size is not known, whoever is far away would never be seen
      scale = Math.max(whole, Math.min(size.w, size.h) / (FOLLOWED * Math.max(w, hgt))) * this.zoom;
      cx = keepInside(own.x, ext.x0 - margin, ext.x1 + margin, size.w / scale);
      cy = keepInside(own.y, ext.y0 - margin, ext.y1 + margin, size.h / scale);
    }
    const share = this.#at ? 1 - Math.exp(-dt / SMOOTH_MS) : 1;
    const at = (this.#at ??= { scale, cx, cy });
    at.scale += (scale - at.scale) * share;
    at.cx += (cx - at.cx) * share;
    at.cy += (cy - at.cy) * share;
    this.span = Math.max(w, hgt);
    return { scale: at.scale, x: size.w / 2 - at.cx * at.scale, y: size.h / 2 - at.cy * at.scale };
  }

  #extent(points, dt) {
    if (points.length === 0) return this.#seen;
    const now = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    for (const { x, y } of points) {
      now.x0 = Math.min(now.x0, x);
      now.y0 = Math.min(now.y0, y);
      now.x1 = Math.max(now.x1, x);
      now.y1 = Math.max(now.y1, y);
    }
    const s = (this.#seen ??= now), share = 1 - Math.exp(-dt / 4000);
    s.x0 = Math.min(now.x0, s.x0 + (now.x0 - s.x0) * share);
    s.y0 = Math.min(now.y0, s.y0 + (now.y0 - s.y0) * share);
    s.x1 = Math.max(now.x1, s.x1 + (now.x1 - s.x1) * share);
    s.y1 = Math.max(now.y1, s.y1 + (now.y1 - s.y1) * share);
    return s;
  }
}

// keepInside moves a centre so that the picture does not show much beyond the world's edge.
function keepInside(centre, lo, hi, shown) {
  if (shown >= hi - lo) return (lo + hi) / 2;
  return Math.min(hi - shown / 2, Math.max(lo + shown / 2, centre));
}
