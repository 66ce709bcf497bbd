import { count, defined, filled, type JsonObject, list, object, stringify, text } from "./json.js";
import type { Outlet } from "./outlet.js";
import { failure } from "./provider-error.js";
import { ToolCalls } from "./tool-calls.js";

/** A text, summary or refusal within an item. */
interface Content {
  block: number;
  /** Whether deltas came: then the closing event brings nothing new. */
  streamed: boolean;
}

type Kind = "text" | "reasoning" | "summary" | "refusal";

const maxItems = 4096;

/** Events of contents, without `response.` and `.delta` or `.done`. */
const kinds = new Map<string, Kind>([
  ["output_text", "text"],
  ["reasoning_text", "reasoning"],
  ["reasoning_summary_text", "summary"],
  ["refusal", "refusal"],
]);

/** Events of arguments, likewise. Of a code interpreter, the item tells all at the end. */
const argumentEvents = new Set([
  "function_call_arguments",
  "custom_tool_call_input",
  "mcp_call_arguments",
]);

/** The output items of one response: messages, reasoning, tool calls. */
export class ResponseItems {
  refused = false;
  readonly #outlet: Outlet;
  readonly #tools: ToolCalls<number>;
  readonly #contents = new Map<string, Content>();
  readonly #opened = new Set<number>();
  readonly #settled = new Set<number>();
  readonly #indexById = new Map<string, number>();
  /** The last block of each reasoning item, which its `encrypted_content` belongs to. */
  readonly #lastThought = new Map<number, { block: number; summary?: true }>();
  #blocks = 0;

  constructor(outlet: Outlet, maxArguments: number, answerId: () => string | undefined) {
    this.#outlet = outlet;
    this.#tools = new ToolCalls(outlet, maxArguments, answerId);
  }

  get toolsForApplication(): boolean {
    return this.#tools.forApplication;
  }

  take(event: JsonObject): void {
    const index = this.#indexOf(event);
    if (event.type === "response.output_text.annotation.added") {
      this.#cite(object(event.annotation), index, count(event.content_index) ?? 0);
      return;
    }
    const [, name, step] = /^response\.(\w+)\.(\w+)$/.exec(text(event.type)) ?? [];
    if (name === undefined) return;
    if (name === "output_item") {
      if (step === "added") this.#open(object(event.item), index);
      else if (step === "done") this.settle(object(event.item), index);
      return;
    }
    const kind = kinds.get(name);
    if (kind) {
      this.#content(kind, step, event, index);
      return;
    }
    if (argumentEvents.has(name) && step === "delta") this.#tools.delta(index, text(event.delta));
  }

  /** An item as it is in the end. */
  settle(item: JsonObject, index: number): void {
    if (this.#settled.has(index) || !this.#room()) return;
    this.#settled.add(index);
    const type = text(item.type);
    if (type === "message") {
      this.#message(item, index);
      return;
    }
    if (type === "reasoning") {
      this.#reasoning(item, index);
      return;
    }
    if (!type.endsWith("_call")) return;
    this.#open(item, index);
    this.#endCall(item, type, index);
  }

  closeAll(cut: boolean): void {
    this.#tools.closeAll(cut);
  }

  /** Servers that leave `output_index` out give their items ids. */
  #indexOf(event: JsonObject): number {
    const given = count(event.output_index);
    if (given !== undefined) return given;
    const id = filled(event.item_id) ?? text(object(event.item).id);
    const known = this.#indexById.get(id);
    if (known !== undefined || this.#indexById.size >= maxItems) return known ?? 0;
    this.#indexById.set(id, this.#indexById.size);
    return this.#indexById.size - 1;
  }

  #room(): boolean {
    const used = this.#contents.size + this.#settled.size + this.#opened.size;
    if (used < maxItems) return true;
    const message = `the provider sent more than ${maxItems} output items`;
    this.#outlet.fail(failure("too-large", message));
    return false;
  }

  #open(item: JsonObject, index: number): void {
    const type = text(item.type);
    if (this.#opened.has(index) || !type.endsWith("_call") || !this.#room()) return;
    this.#opened.add(index);
    const itemId = filled(item.id);
    // What the application is to run has an id to answer to.
    const callId = filled(item.call_id);
    const providerExecuted = callId === undefined && type !== "function_call" ? true : undefined;
    const custom = type === "custom_tool_call" ? true : undefined;
    const name = filled(item.name) ?? type.replace(/_call$/, "");
    this.#tools.open(index, { id: callId ?? itemId, name, providerExecuted, custom, itemId });
  }

  #endCall(item: JsonObject, type: string, index: number): void {
    const id = this.#tools.idOf(index);
    if (id === undefined) return;
    const own = filled(item.call_id) === undefined && type !== "function_call";
    this.#tools.close(index, argumentsOf(item), own ? item : undefined);
    if (!own) return;
    const failed = item.status === "failed" || (item.error ?? null) !== null;
    this.#outlet.push({
      type: "tool-result",
      id,
      name: filled(item.name) ?? type.replace(/_call$/, ""),
      result: item.output ?? item.results ?? item.outputs ?? item.result ?? null,
      ...defined({ isError: failed ? (true as const) : undefined }),
      providerExecuted: true,
      raw: item,
    });
  }

  #content(kind: Kind, step: string | undefined, event: JsonObject, item: number): void {
    const index = count(event.content_index) ?? count(event.summary_index) ?? 0;
    if (step === "delta") this.#say(kind, item, index, text(event.delta));
    else if (step === "done") this.#sayOnce(kind, item, index, text(event.text ?? event.refusal));
  }

  #say(kind: Kind, item: number, index: number, delta: string): void {
    const content = this.#contentAt(kind, item, index);
    if (!content || delta === "") return;
    content.streamed = true;
    if (kind === "text") this.#outlet.text(delta, content.block);
    else if (kind === "refusal") {
      this.refused = true;
      this.#outlet.refusal(delta);
    } else {
      const summary = kind === "summary" ? true : undefined;
      this.#lastThought.set(item, defined({ block: content.block, summary }));
      this.#outlet.reasoning(delta, content.block, summary);
    }
  }

  /** For servers that send no deltas, or not of everything. */
  #sayOnce(kind: Kind, item: number, index: number, whole: string): void {
    if (!this.#contentAt(kind, item, index)?.streamed) this.#say(kind, item, index, whole);
  }

  #contentAt(kind: Kind, item: number, index: number): Content | undefined {
    const key = `${kind} ${item} ${index}`;
    const known = this.#contents.get(key);
    if (known || !this.#room()) return known;
    const content = { block: this.#blocks++, streamed: false };
    this.#contents.set(key, content);
    return content;
  }

  #message(item: JsonObject, index: number): void {
    for (const [at, content] of list(item.content).entries()) {
      const { type, text: said, refusal, annotations } = object(content);
      if (type === "output_text") this.#sayOnce("text", index, at, text(said));
      for (const annotation of list(annotations)) this.#cite(object(annotation), index, at);
      if (type === "refusal") this.#sayOnce("refusal", index, at, text(refusal));
    }
  }

  #reasoning(item: JsonObject, index: number): void {
    for (const [at, summary] of list(item.summary).entries()) {
      this.#sayOnce("summary", index, at, text(object(summary).text));
    }
    for (const [at, content] of list(item.content).entries()) {
      this.#sayOnce("reasoning", index, at, text(object(content).text));
    }
    const signature = filled(item.encrypted_content);
    if (signature === undefined) return;
    const place = this.#lastThought.get(index) ?? { block: this.#blocks++ };
    const itemId = filled(item.id);
    this.#outlet.push({ type: "reasoning", text: "", ...place, signature, ...defined({ itemId }) });
  }

  /** Told when it is found, and again with the whole item. */
  #cite(annotation: JsonObject, item: number, index: number): void {
    const content = this.#contentAt("text", item, index);
    const { url: given, file_id: file } = annotation;
    const [start, end] = [count(annotation.start_index), count(annotation.end_index)];
    const url = filled(given);
    const title = filled(annotation.title) ?? filled(annotation.filename) ?? filled(file);
    if (!content || (url ?? title) === undefined) return;
    const key = `${content.block} ${url ?? text(file)} ${start} ${end}`;
    const { block } = content;
    this.#outlet.source({ url, title, start, end, block, raw: annotation }, key);
  }
}

/** Arguments in the item itself: JSON, or the fields that tell what was done. */
function argumentsOf(item: JsonObject): string {
  const { arguments: given, input, action, operation, queries, code, container_id } = item;
  if (typeof given === "string") return given;
  if (typeof input === "string") return input;
  if (action !== undefined) return stringify(action);
  if (operation !== undefined) return stringify(operation);
  if (queries !== undefined) return stringify({ queries });
  return code === undefined ? "" : stringify({ code, container_id });
}
