// Fills static/vendor from node_modules: the player, the icons as one sprite, and their licences.
// Run by `make setup`, or by hand: npm ci && node vendor.mjs

import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "static", "vendor");
const FRESH = join(HERE, "node_modules", ".vendor-fresh");
const COPIES = {
  "hls.js/dist/hls.light.min.js": "hls.light.min.js",
  "hls.js/LICENSE": "LICENSE.hls.js.txt",
  "lucide-static/LICENSE": "LICENSE.lucide.txt",
};
const ICONS = join("lucide-static", "icons");
const DRAWN =
  'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';

function fromPackages(path) {
  return join(HERE, "node_modules", path);
}

function iconNames() {
  const lines = readFileSync(join(HERE, "icons.txt"), "utf8").split("\n");
  const names = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
  const unknown = names.filter((name) => !existsSync(fromPackages(join(ICONS, `${name}.svg`))));
  if (unknown.length) {
    throw new Error(`icons.txt: there is no icon called ${unknown.join(", ")}`);
  }
  return [...new Set(names)].sort();
}

function symbol(name) {
  const svg = readFileSync(fromPackages(join(ICONS, `${name}.svg`)), "utf8");
  const inner = svg.match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1].replace(/\s*\n\s*/g, "");
  return `<symbol id="${name}" ${DRAWN}>${inner}</symbol>`;
}

function sprite() {
  const symbols = iconNames().map(symbol);
  return `<svg xmlns="http://www.w3.org/2000/svg"><!-- Lucide, ISC: see LICENSE.lucide.txt -->\n${symbols.join("\n")}\n</svg>\n`;
}

rmSync(FRESH, { recursive: true, force: true });
mkdirSync(FRESH, { recursive: true });
for (const [from, to] of Object.entries(COPIES)) {
  cpSync(fromPackages(from), join(FRESH, to));
}
writeFileSync(join(FRESH, "icons.svg"), sprite());
rmSync(TARGET, { recursive: true, force: true });
renameSync(FRESH, TARGET);
