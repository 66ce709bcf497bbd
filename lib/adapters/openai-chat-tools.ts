import {
  count,
  filled,
  isObject,
  type JsonObject,
  list,
  object,
  parse,
  stringify,
} from "./json.js";
import type { Outlet } from "./outlet.js";
import { ToolCalls } from "./tool-calls.js";

/** A tool call, and what came of it before its name did. */
interface Call {
  /** Among our calls. */
  key: number;
  /** The id that the provider gave. */
  id: string | undefined;
  /** Absent until it has come. */
  name: string | undefined;
  /** Whether the provider counts it. */
  indexed: boolean;
  custom: true | undefined;
  early: string;
}

/** What one delta says. */
interface CallDelta {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: unknown;
  custom: true | undefined;
}

const maxCalls = 1024;

/**
 * Puts together the tool calls of a chat completion. Deltas belong together by `index`; a server
 * that leaves it out is understood by `id`, and one that sends neither means the latest call. A
 * second id at an index begins another call if it brings a name: some servers give all calls
 * index 0, others give every delta an id of its own.
 */
export class ChatToolCalls {
  readonly #calls: ToolCalls<number>;
  readonly #byIndex = new Map<number, Call>();
  readonly #byId = new Map<string, Call>();
  readonly #all: Call[] = [];
  readonly #maxChars: number;
  #latest: Call | undefined;

  constructor(outlet: Outlet, maxChars: number, answerId: () => string | undefined) {
    this.#calls = new ToolCalls(outlet, maxChars, answerId);
    this.#maxChars = maxChars;
  }

  get count(): number {
    return this.#calls.count;
  }

  take(delta: JsonObject): void {
    for (const call of list(delta.tool_calls)) if (isObject(call)) this.#take(read(call));
    // What tool calls were before there could be several.
    if (isObject(delta.function_call)) {
      this.#take(read({ index: 0, function: delta.function_call }));
    }
  }

  closeAll(cut: boolean): void {
    for (const call of this.#all) if (call.name === undefined) this.#open(call, "");
    this.#calls.closeAll(cut);
  }

  #take(delta: CallDelta): void {
    const known = this.#find(delta);
    const call = known && !this.#beginsAnother(known, delta) ? known : this.#add(delta);
    if (!call) return;
    this.#latest = call;
    if (call.id === undefined && delta.id !== undefined) this.#byId.set(delta.id, call);
    call.id ??= delta.id;
    if (call.name === undefined && delta.name !== undefined) this.#open(call, delta.name);
    this.#arguments(call, delta.arguments);
  }

  #find({ index, id }: CallDelta): Call | undefined {
    if (index === undefined) return id === undefined ? this.#latest : this.#byId.get(id);
    const byId = id === undefined ? undefined : this.#byId.get(id);
    return this.#byIndex.get(index) ?? (byId?.indexed ? undefined : byId);
  }

  #beginsAnother(call: Call, { index, id, name }: CallDelta): boolean {
    if (name === undefined || call.name === undefined) return false;
    if (id !== undefined) return call.id !== undefined && call.id !== id;
    if (index !== undefined) return false;
    return name !== call.name || isWhole(this.#calls.arguments(call.key) ?? "");
  }

  #add({ index, id, name, custom }: CallDelta): Call | undefined {
    const nowhere = index === undefined && id === undefined && name === undefined;
    if (nowhere || this.#all.length > maxCalls) return undefined;
    const [key, indexed] = [this.#all.length, index !== undefined];
    const call: Call = { key, id, name: undefined, indexed, custom, early: "" };
    this.#all.push(call);
    if (index !== undefined) this.#byIndex.set(index, call);
    if (id !== undefined) this.#byId.set(id, call);
    return call;
  }

  #open(call: Call, name: string): void {
    call.name = name;
    this.#calls.open(call.key, { id: call.id, name, custom: call.custom });
    this.#calls.delta(call.key, call.early);
    call.early = "";
  }

  /** Some servers send an object where OpenAI sends its JSON. */
  #arguments(call: Call, given: unknown): void {
    const delta = typeof given === "string" ? given : isObject(given) ? stringify(given) : "";
    const early = call.name === undefined;
    if (early && call.early.length + delta.length <= this.#maxChars) call.early += delta;
    else {
      if (early) this.#open(call, "");
      this.#calls.delta(call.key, delta);
    }
  }
}

function read(call: JsonObject): CallDelta {
  const custom = isObject(call.custom) ? call.custom : undefined;
  const details = custom ?? object(call.function);
  return {
    index: count(call.index),
    id: filled(call.id),
    name: filled(details.name),
    arguments: custom ? custom.input : details.arguments,
    custom: custom && true,
  };
}

function isWhole(json: string): boolean {
  return json.trimEnd().endsWith("}") && parse(json) !== undefined;
}
