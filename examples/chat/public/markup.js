/**
 * Shows a text that is still growing: paragraphs, code blocks, `code`, **bold** and headings of Markdown, as far as a
 * chat needs them. Only text nodes and a fixed set of elements are made, so nothing in an answer can become markup.
 */

/** Splits a text into blocks: fenced code, which an end of text closes too, and paragraphs between blank lines. */
function split(text) {
  const blocks = [];
  const fences = text.split(/^(```[^\n]*\n?)/m);
  let isCode = false;
  for (const part of fences) {
    if (part.startsWith("```")) {
      isCode = !isCode;
      if (isCode) blocks.push({ kind: "code", text: "" });
    } else if (isCode) {
      blocks.at(-1).text = part.replace(/\n$/, "");
    } else {
      for (const paragraph of part.split(/\n{2,}/)) {
        const trimmed = paragraph.replace(/^\n+|\n+$/g, "");
        if (trimmed) blocks.push({ kind: "paragraph", text: trimmed });
      }
    }
  }
  return blocks;
}

function inline(text) {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((part) => {
    const tag = /^`.+`$/.test(part) ? "code" : /^\*\*.+\*\*$/.test(part) ? "strong" : undefined;
    if (!tag) return document.createTextNode(part);
    const element = document.createElement(tag);
    element.textContent = tag === "code" ? part.slice(1, -1) : part.slice(2, -2);
    return element;
  });
}

function build({ kind, text }) {
  if (kind === "code") {
    const pre = document.createElement("pre");
    pre.tabIndex = 0; // can scroll sideways, so the keyboard must reach it
    pre.append(Object.assign(document.createElement("code"), { textContent: text }));
    return pre;
  }
  const heading = /^#{1,6} (.+)$/.exec(text);
  const element = document.createElement(heading ? "h3" : "p");
  element.append(...inline(heading ? heading[1] : text));
  return element;
}

/** Returns `show(text)`, which brings `container` up to date and builds only the blocks that have changed. */
export function createMarkup(container) {
  let shown = [];
  return (text) => {
    const blocks = split(text);
    blocks.forEach((block, index) => {
      const old = shown[index];
      if (old?.kind === block.kind && old.text === block.text) return;
      const node = build(block);
      if (old) container.children[index].replaceWith(node);
      else container.append(node);
    });
    while (container.children.length > blocks.length) container.lastElementChild.remove();
    shown = blocks;
  };
}
