// Reads AsyncAPI documents, validates them with the parser of AsyncAPI, and prints what it finds wrong: one line each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(import.meta.url)("@asyncapi/parser");
const parser = new Parser();
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(readFileSync(file, "utf8"));
  for (const d of diagnostics) {
    // Hints on style, such as an id or a licence for the document, are not about validity.
    if (d.severity > 1) continue;
    console.log(`${file}: ${d.code}: ${d.message} at ${d.path.join("/")}`);
  }
  if (!document) console.log(`${file}: no document`);
  else console.log(`${file}: ${document.operations().all().length} operations`);
}
