import type { Block } from "./markdown.ts";

/**
 * The surroundings of a snippet that is not a whole program. A reader sees them in the text around it; this is the
 * code for them. `route` has Express's `req` and `res`; `session` has a connected `session` as well; a `browser`
 * snippet runs against the server of another one (see preload.mjs).
 */
const contexts: Record<string, (imports: string, body: string) => string> = {
  program: (imports, body) => imports + body,

  browser: (imports, body) => `${imports}${body}\nexport {};\n`,

  route: (imports, body) => `import createApp from "express";
${imports}
const app = createApp();
app.get("/sse", async (req, res) => {
${body}
});
app.listen(3000);
`,

  session: (imports, body) => `import createApp from "express";
import { createSession as openSession } from "stream-llm";
${imports}
const app = createApp();
app.get("/sse", async (req, res) => {
  const session = await openSession(req, res);
${body}
});
app.listen(3000);
`,
};

/** An import statement at the start of a line, over one line or more. */
const importStatement = /^import\b[^;]*;\n/gm;

/** The whole program of a snippet. */
export function compose({ file, line, code, context = "program" }: Block): string {
  const build = contexts[context];
  if (!build) throw new Error(`${file}:${line}: unknown context "${context}"`);
  const imports = (code.match(importStatement) ?? []).join("");
  return build(imports, code.replace(importStatement, ""));
}
