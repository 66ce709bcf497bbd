import { memo, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { splitBlocks } from "./blocks.ts";
import { CodeBlock } from "./CodeBlock.tsx";

const plugins = [remarkGfm];

/** Only what leads to another place: an answer has no business with this page's own addresses. */
function Link({ href = "", children }: { href?: string | undefined; children?: ReactNode }) {
  if (!/^(https?|mailto):/i.test(href)) return children;
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}

const components: Components = {
  // The page has a heading and each question has one; an answer's come below them.
  h1: "h3",
  h2: "h4",
  h3: "h5",
  h4: "h6",
  h5: "h6",
  pre: CodeBlock,
  a: Link,
  // An image is fetched without anybody's asking, and its address can carry what was said here.
  img: ({ src, alt }) => (
    <Link href={typeof src === "string" ? src : undefined}>{alt || "Image"}</Link>
  ),
  // Of a task list.
  input: ({ checked }) => (
    <input type="checkbox" checked={checked} disabled aria-label={checked ? "Done" : "Open"} />
  ),
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled with the keyboard
    <section className="table" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </section>
  ),
};

const Block = memo(({ text }: { text: string }) => (
  <ReactMarkdown remarkPlugins={plugins} components={components}>
    {text}
  </ReactMarkdown>
));

/** An answer, however far it has come. HTML in it is shown as text, and scripts in links are dropped. */
export function Markdown({ text }: { text: string }) {
  return splitBlocks(text).map((block, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: blocks only grow and follow each other
    <Block key={index} text={block} />
  ));
}
