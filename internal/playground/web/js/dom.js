// Small helpers for building and updating elements.

// h makes an element: properties by name, data-* and aria-* as attributes, then children.
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (name.includes("-") || name === "role" || name === "for") el.setAttribute(name, v === true ? "" : v);
    else el[name] = v;
  }
  el.append(...children.filter((c) => c !== null && c !== undefined));
  return el;
}

export const $ = (selector) => document.querySelector(selector);

// text sets an element's text only when it differs, so that nothing is selected away or announced twice.
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

export function setAttr(el, name, v) {
  if (v === null || v === false || v === undefined) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(v)) {
    el.setAttribute(name, v);
  }
}

// keyed makes parent's children one for each item, in order. Elements stay the same for the same key: a click that has
// begun is not lost because the state changed.
export function keyed(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((el) => [el.dataset.key, el]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let el = old.get(key);
    old.delete(key);
    if (!el) {
      el = create(item);
      el.dataset.key = key;
    }
    if (el === before) before = before.nextElementSibling;
    else parent.insertBefore(el, before);
    update?.(el, item);
  }
  for (const el of old.values()) el.remove();
}
