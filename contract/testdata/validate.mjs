// Validates the AsyncAPI documents in the files of the command line with the parser of AsyncAPI, and prints a line for
// everything that it finds wrong.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const parser = new Parser();
for (const file of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(readFileSync(file, "utf8"));
  for (const d of diagnostics) {
    if (d.severity > 1) continue; // a hint about style, such as a licence for the document
    console.log(`${file}: ${d.code}: ${d.message} at ${d.path.join("/")}`);
  }
  if (!document || document.channels().all().length === 0 || document.operations().all().length === 0) {
    console.log(`${file}: no document with channels and operations`);
  }
}
