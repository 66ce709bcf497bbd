/**
 * Cuts a Markdown text where what follows cannot change what came before, so that of a growing answer only the last
 * block is parsed anew: at blank lines outside of code fences, before a line that begins something new. A line that
 * is indented or continues a list stays with what it may belong to.
 */
export function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let block = "";
  let fence = "";
  let isBlank = false;
  for (const line of text.split(/(?<=\n)/)) {
    const begins = /^[^\s\-*+\d[:]|^\*\*/.test(line);
    if (isBlank && !fence && begins && block !== "") {
      blocks.push(block);
      block = "";
    }
    block += line;
    const mark = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line.trimEnd());
    const [, ticks = "", info = ""] = mark ?? [];
    if (!fence) fence = ticks;
    else if (ticks.startsWith(fence) && info.trim() === "") fence = "";
    isBlank = line.trim() === "" && line.endsWith("\n");
  }
  if (block !== "") blocks.push(block);
  return blocks;
}
