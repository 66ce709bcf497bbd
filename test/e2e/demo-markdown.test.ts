import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { describe, expect, test } from "vitest";
import { splitBlocks } from "../../examples/chat/web/src/markdown/blocks.ts";

const html = (markdown: string) =>
  renderToStaticMarkup(
    createElement(ReactMarkdown, { remarkPlugins: [remarkGfm] }, markdown),
  ).replaceAll("\n", "");

const inBlocks = (markdown: string) => splitBlocks(markdown).map(html).join("");

const texts: Record<string, string> = {
  paragraphs: "One\ntwo\n\nThree\n\n\nFour",
  "a fence with blank lines": "Before\n\n```js\na\n\nb\n\n# no heading\n```\n\nAfter",
  "a fence in a longer fence": "````\n```\n\nx\n\n```\n\ny\n````\n\nAfter",
  "a fence of tildes": "~~~\na\n\n```\n\nb\n~~~\n\nAfter",
  "a fence that is not closed": "Text\n\n```\na\n\nb",
  "a loose list": "- a\n\n- b\n\n  more of b\n\nAfter",
  "a numbered list": "1. a\n\n2. b\n\n   ```\n   c\n\n   d\n   ```\n\n3. e\n\nAfter",
  "two lists": "* a\n\nBetween\n\n1. b",
  "a table": "| a | b |\n| - | - |\n| c | d |\n\nAfter",
  quotes: "> a\n\n> b\n\nAfter",
  headings: "# A\n\nText\n\nB\n-\n\nText",
  "bold beginnings": "Text\n\n**Bold** text\n\n__also__ bold",
  "indented code": "Text\n\n    code\n\n    more\n\nAfter",
};

describe("an answer that is cut into blocks", () => {
  test.each(Object.entries(texts))("becomes what it becomes as a whole: %s", (_, markdown) => {
    expect(inBlocks(markdown)).toBe(html(markdown));
  });

  test("has the same blocks, but for the last, when more of it has come", () => {
    const whole = Object.values(texts).join("\n\n");
    let before: string[] = [];
    for (let length = 0; length <= whole.length; length++) {
      const blocks = splitBlocks(whole.slice(0, length));
      expect(blocks.join("")).toBe(whole.slice(0, length));
      expect(blocks.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
      before = blocks;
    }
    expect(before.length).toBeGreaterThan(10);
  });
});
