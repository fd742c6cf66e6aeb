// Fills static/vendor from node_modules: the player, the API's pages, the icons as one sprite, and their licences.
// Run by `make setup`, or by hand: npm ci && node vendor.mjs

import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "static", "vendor");
const FRESH = join(HERE, "node_modules", ".vendor-fresh");
const COPIES = {
  // The light one for grids of muted tiles; the whole one plays sound, which MediaMTX sends as a stream beside.
  "hls.js/dist/hls.light.min.js": "hls.light.min.js",
  "hls.js/dist/hls.min.js": "hls.min.js",
  "hls.js/LICENSE": "LICENSE.hls.js.txt",
  "leaflet/dist/leaflet.js": "leaflet.js",
  "leaflet/dist/leaflet.css": "leaflet.css",
  "leaflet/LICENSE": "LICENSE.leaflet.txt",
  "lucide-static/LICENSE": "LICENSE.lucide.txt",
  "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
  "swagger-ui-dist/LICENSE": "LICENSE.swagger-ui.txt",
  "swagger-ui-dist/NOTICE": "NOTICE.swagger-ui.txt",
  "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "LICENSE.swagger-ui-bundle.txt",
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

// The sheet carries its pictures inside, which the pages' policy does not let in: each becomes a file of its own.
// What is no SVG belongs to rules for the authors of the sheet, and goes.
function takeOutPictures(css) {
  const files = {};
  const text = css
    .replace(/url\("data:image\/svg\+xml;charset=utf-8,((?:[^"\\]|\\.)*)"\)/g, (_, picture) => {
      const svg = decodeURIComponent(picture.replace(/\\(.)/g, "$1"));
      const known = Object.keys(files).find((name) => files[name] === svg);
      const name = known ?? `swagger-ui-${Object.keys(files).length + 1}.svg`;
      files[name] = svg;
      return `url(${name})`;
    })
    .replace(/url\(data:[^)]*\)/g, "none")
    .replace(/\/\*# sourceMappingURL=.*?\*\//, "");
  if (text.includes("data:")) {
    throw new Error("swagger-ui.css: a picture is left inside");
  }
  return { ...files, "swagger-ui.css": text };
}

rmSync(FRESH, { recursive: true, force: true });
mkdirSync(FRESH, { recursive: true });
for (const [from, to] of Object.entries(COPIES)) {
  cpSync(fromPackages(from), join(FRESH, to));
}
writeFileSync(join(FRESH, "icons.svg"), sprite());
const sheet = readFileSync(fromPackages("swagger-ui-dist/swagger-ui.css"), "utf8");
for (const [name, text] of Object.entries(takeOutPictures(sheet))) {
  writeFileSync(join(FRESH, name), text);
}
rmSync(TARGET, { recursive: true, force: true });
renameSync(FRESH, TARGET);
