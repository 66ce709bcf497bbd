import type { ToolCallPart } from "../streaming/parts.js";
import { defined, parse } from "./json.js";
import type { Outlet } from "./outlet.js";

export interface ToolCallInfo {
  /** The provider's; made up when it gives none. */
  id?: string | undefined;
  name: string;
  providerExecuted?: true | undefined;
  custom?: true | undefined;
  itemId?: string | undefined;
  /** Its arguments, if they are known from the beginning, for when no delta comes. */
  whole?: string | undefined;
  /** The provider's own object of a call that it runs itself. */
  raw?: unknown;
}

interface OpenCall extends ToolCallInfo {
  id: string;
  arguments: string;
}

const maxCalls = 1024;

/** The tool calls of one answer, by whatever key the provider's format tells them apart with. */
export class ToolCalls<Key> {
  /** How many there were. */
  count = 0;
  /** Whether the application is to run one of them. */
  forApplication = false;
  readonly #outlet: Outlet;
  readonly #maxChars: number;
  readonly #open = new Map<Key, OpenCall>();
  readonly #ids = new Set<string>();
  readonly #answerId: () => string | undefined;
  #chars = 0;

  constructor(outlet: Outlet, maxChars: number, answerId: () => string | undefined) {
    this.#outlet = outlet;
    this.#maxChars = maxChars;
    this.#answerId = answerId;
  }

  isOpen(key: Key): boolean {
    return this.#open.has(key);
  }

  /** What has come of its arguments. */
  arguments(key: Key): string | undefined {
    return this.#open.get(key)?.arguments;
  }

  open(key: Key, info: ToolCallInfo): void {
    if (this.count >= maxCalls) {
      this.#tooLarge(`more than ${maxCalls} tool calls in one answer`);
      return;
    }
    const index = this.count++;
    const id = this.#distinct(info.id, index);
    const { name, providerExecuted, custom, itemId } = info;
    this.forApplication ||= !providerExecuted;
    this.#open.set(key, { ...info, id, arguments: "" });
    const flags = defined({ providerExecuted, custom, itemId });
    this.#outlet.push({ type: "tool-call-start", id, name, index, ...flags });
  }

  delta(key: Key, delta: string): void {
    const call = this.#open.get(key);
    if (!call || delta === "") return;
    this.#chars += delta.length;
    if (this.#chars > this.#maxChars) {
      this.#tooLarge(`tool arguments of more than ${this.#maxChars} characters`);
      return;
    }
    call.arguments += delta;
    this.#outlet.toolDelta(call.id, delta);
  }

  /**
   * Ends a call. Arguments that never came are those given here, and otherwise `{}`: a tool without
   * parameters is called without arguments by some models.
   *
   * @param whole the arguments as the provider repeats them at the end
   */
  close(key: Key, whole?: string, raw?: unknown): void {
    const call = this.#open.get(key);
    if (!call) return;
    if (call.arguments.trim() === "") {
      this.delta(key, whole || call.whole || (call.custom ? "" : "{}"));
    }
    this.#end(key, call, raw ?? call.raw);
  }

  /** Ends the calls that are still open, as they are when the answer was `cut` short. */
  closeAll(cut: boolean): void {
    for (const [key, call] of [...this.#open]) {
      if (cut) this.#end(key, call, call.raw);
      else this.close(key);
    }
  }

  /** The id under which a call was announced. */
  idOf(key: Key): string | undefined {
    return this.#open.get(key)?.id;
  }

  #end(key: Key, call: OpenCall, raw: unknown): void {
    this.#open.delete(key);
    const { id, name, custom, providerExecuted } = call;
    const part: ToolCallPart = {
      type: "tool-call",
      id,
      name,
      arguments: call.arguments,
      input: custom ? call.arguments : parse(call.arguments),
      ...defined({ providerExecuted, custom, raw }),
    };
    this.#outlet.push(part);
  }

  /** Some servers leave the id out, or give two calls the same one. */
  #distinct(given: string | undefined, index: number): string {
    const answer = this.#answerId();
    let id = given ?? "";
    if (id === "" || this.#ids.has(id)) id = answer ? `call_${answer}_${index}` : `call_${index}`;
    while (this.#ids.has(id)) id += "_";
    this.#ids.add(id);
    return id;
  }

  #tooLarge(what: string): void {
    const message = `the provider sent ${what}`;
    this.#outlet.fail({ code: "too-large", message, retryable: false });
  }
}
