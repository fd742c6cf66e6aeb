// The API's pages: Swagger UI over the document of the box, tried out in the name of whoever is logged in.

// Swagger UI writes Markdown as text: that of the box's own document, cleaned by the DOMPurify it carries. The page's
// policy lets such text in here and nowhere else; scripts, and handlers inside the text, stay refused.
window.trustedTypes?.createPolicy("default", { createHTML: (markup) => markup });

const { dataset, classList } = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function followTheme() {
  classList.toggle("dark-mode", dataset.theme ? dataset.theme === "dark" : dark.matches);
}

followTheme();
dark.addEventListener("change", followTheme);
window.SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  domNode: document.getElementById("api"),
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  showExtensions: true,
  tagsSorter: "alpha",
  validatorUrl: null,
});
