// Small helpers to build elements without ever writing markup as text.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A copy of the first element inside `<template id=…>`. */
export function clone(templateId) {
  return document.getElementById(templateId).content.firstElementChild.cloneNode(true);
}

/** An icon of the sprite that stands in the page. Decoration: a word always says the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** An SVG element with its attributes. */
export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/** An element with its attributes (`null` and `false` leave one out) and children. */
export function el(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Writes only what changed, so that screen readers and the browser's layout are left in peace. */
export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** Puts `text` into each `[data-slot=name]` below `root`. */
export function fill(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const slot of root.querySelectorAll(`[data-slot="${name}"]`)) write(slot, text);
  }
}

/** Puts `rows` (each with its `data-id`) in the place of what `body` holds; whoever stood on a button stays on it. */
export function redraw(body, rows) {
  const at = body.contains(document.activeElement) ? document.activeElement : null;
  const id = at?.closest("[data-id]")?.dataset.id;
  body.replaceChildren(...rows);
  if (id) body.querySelector(`[data-id="${id}"] [data-slot="${at.dataset.slot}"]`)?.focus();
}

export function show(element, visible) {
  if (element && element.hidden === visible) element.hidden = !visible;
}
