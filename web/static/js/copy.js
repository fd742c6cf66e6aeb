// Secrets that are shown once: copied, or left selected where a page may not copy.

import { $, write } from "./dom.js";
import { say } from "./words.js";

/** Makes `button` copy the text of `element`. The clipboard needs a secure page; on plain HTTP Ctrl+C remains. */
export function copyOnClick(button, element) {
  const before = $("span", button).textContent;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(element);
    const copied = await navigator.clipboard?.writeText(element.innerText).then(
      () => true,
      () => false,
    );
    write($("span", button), say(copied ? "copy.done" : "copy.selected"));
    setTimeout(() => write($("span", button), before), 4000);
  });
}

/** Hands `text` to the browser as a file to keep. */
export function saveAs(name, content, type = "text/plain;charset=utf-8") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
